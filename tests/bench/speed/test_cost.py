"""The cost of models in all their forms."""

import shutil
from pathlib import Path

import pytest
import soundfile

from lipstream.bench.speed import candidates
from lipstream.bench.speed import cost as module
from lipstream.bench.speed.cost import (
    OFFLINE,
    Cost,
    cost_table,
    measure_cost_report,
    measure_costs,
    write_example,
)
from lipstream.errors import InputError


def test_a_streaming_model_is_measured_in_a_process_of_its_own():
    (stream,) = measure_costs([("lite", "onnx")], hops=5)
    assert (stream.name, stream.model, stream.runtime) == ("lite onnx", "lite", "onnx")
    assert stream.latency_ms == 25.0
    assert stream.parameters is not None
    assert stream.macs_per_second is not None
    assert stream.macs_per_second <= 0.34e9
    assert stream.state_bytes
    assert stream.rtf
    # This process holds torch and all its libraries; that one held none of them when its peak was read.
    assert stream.peak_memory_mib is None or stream.peak_memory_mib < 250


def test_the_offline_form_waits_for_the_whole_recording_and_carries_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(module, "OFFLINE_S", 0.5)
    offline = module._measure("lite", OFFLINE, 1, tmp_path, 1, None)
    assert (offline.latency_ms, offline.state_bytes, offline.file_rtf) == (None, None, None)
    assert offline.rtf
    assert "whole file" in cost_table([offline])


def test_a_preset_without_weights_is_measured_with_random_ones(tmp_path: Path):
    write_example(tmp_path / "x.wav", 0.5)
    random = module._measure("base", "eager", 1, tmp_path, 1, tmp_path / "x.wav")
    assert random.rtf
    assert random.file_rtf is None


def test_a_whole_file_is_timed_beside_the_hops(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "in_fresh_process", lambda function, *given, threads: function(*given))
    report = measure_cost_report(["lite"], ["onnx"], hops=3, seconds=1.0)
    (cost,) = report.costs
    assert cost.file_rtf
    assert "RTF" in report.text()
    assert "rate" not in report.text()  # of peers only
    names = [entry.name for entry in report.measurements()]
    assert {"cost.lite.onnx.parameters", "cost.lite.onnx.macs"} <= set(names)


def test_without_torch_nothing_is_counted_and_there_is_no_offline_form(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(candidates, "has_torch", lambda: False)
    monkeypatch.setattr(module, "has_torch", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert candidates.available_runtimes() == ["onnx"]
    stream = module._measure("lite", "onnx", 1, tmp_path, 1, None)
    assert (stream.parameters, stream.latency_ms) == (None, 25.0)
    with pytest.raises(InputError, match=r"lipstream\[torch\]"):
        module._measure("lite", OFFLINE, 1, tmp_path, 1, None)


def test_what_is_not_known_is_a_dash_and_a_column_of_dashes_is_none():
    row = Cost("m onnx", 25.0, 0.1)
    assert cost_table([row]).splitlines()[-1].split() == ["m", "onnx", "25.0", "0.1000"]
    both = cost_table([row, Cost("peer", sample_rate=48_000)]).splitlines()[-2:]
    assert [line.split()[-1] for line in both] == ["-", "48"]


def test_an_unknown_model_and_a_missing_file_are_told(tmp_path: Path):
    with pytest.raises(InputError, match="unknown model"):
        measure_costs([("nothing", "onnx")])
    with pytest.raises(InputError, match="no file"):
        measure_cost_report(["lite"], ["onnx"], 1, source=tmp_path / "missing.wav")


def test_the_example_is_as_long_as_asked_for_and_within_full_scale(tmp_path: Path):
    file = tmp_path / "example.wav"
    write_example(file, 1.5)
    wave, rate = soundfile.read(file)
    assert (wave.shape, rate) == ((24000,), 16000)
    assert 0.01 < abs(wave).max() < 1.0

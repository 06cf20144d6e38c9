"""The timing reports: every preset on every runtime, its offline form beside them; less without torch."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lipstream.bench import complexity, offline, speed
from lipstream.bench.latency import RuntimeTimes, StepTimes
from lipstream.bench.machine import fingerprint
from lipstream.bench.report import write_json
from lipstream.bench.rtf import FileTimes
from lipstream.bench.speed import LatencyReport, RtfReport, measure_latency


@pytest.fixture
def runtimes(pass_through: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Every model on every runtime passes through; the list fills with what was loaded."""
    loaded = []

    def load(model: str, runtime: str) -> Any:
        loaded.append((model, runtime))
        return pass_through

    monkeypatch.setattr(speed, "load_runtime", load)
    monkeypatch.setattr(offline, "measure_offline", partial(offline.measure_offline, seconds=0.1, runs=1))
    monkeypatch.setattr(complexity, "offline_complexity", partial(complexity.offline_complexity, seconds=1))
    return loaded


def test_latency_is_measured_for_every_preset_on_every_runtime(runtimes: list[tuple[str, str]]):
    report = measure_latency(["lite", "base"], ["onnx", "eager"], hops=5, threads=1)
    assert runtimes == [("lite", "onnx"), ("lite", "eager"), ("base", "onnx"), ("base", "eager")]
    assert [entry.hop.count for entry in report.runtimes] == [5] * 4
    assert [form.model for form in report.offline] == ["lite", "base"]
    assert report.streaming_size["base"].parameters < report.offline_size["base"].parameters


def test_without_torch_the_runtimes_alone_are_measured(
    runtimes: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(speed, "_has_torch", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert speed.available_runtimes() == ["onnx"]
    report = measure_latency(["lite"], ["onnx"], hops=5, threads=1)
    assert not report.offline
    assert not report.streaming_size
    assert "pass-through onnx, hop" in report.text()


def test_the_latency_report_shows_steps_and_models_and_goes_to_json(
    runtimes: list[tuple[str, str]], tmp_path: Path
):
    report = measure_latency(["lite"], ["onnx"], hops=5, threads=1)
    text = report.text()
    for part in (
        "pass-through onnx, hop",
        "pass-through onnx, video frame",
        "lite offline form",
        "25.0",
        "p99 %",
    ):
        assert part in text
    write_json(tmp_path / "report.json", report)
    assert '"misses": ' in (tmp_path / "report.json").read_text()


def test_the_rtf_report_shows_how_many_times_faster_than_real_time_a_file_is():
    report = RtfReport(fingerprint(), 1, [FileTimes("lite", "onnx", 30.0, 1.5, 0.05)], [])
    assert report.text().split("\n")[-1].split() == ["lite", "onnx", "30.0", "1.50", "0.0500", "20.0"]


def test_a_row_of_the_step_table_reads_as_measured():
    times = StepTimes.of([0.001, 0.001, 0.002], deadline_s=0.0125)
    entry = RuntimeTimes("lite", "onnx", times, times, 25.0, 80.0, 477148)
    rows = LatencyReport(fingerprint(), 1, [entry], [], {}, {}).text().split("\n")
    hop = next(row for row in rows if row.startswith("lite onnx, hop"))
    assert hop.split()[3:] == ["3", "12.50", "1.000", "1.900", "1.980", "2.000", "0", "8.0", "15.8", "0.1067"]
    assert rows[-1].split() == ["lite", "onnx", "25.0", "80", "0.1067", "477", "kB", *"-----"]

"""The timing report: every preset on every runtime, each in a process of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lipstream.bench.machine import fingerprint
from lipstream.bench.output import write_json
from lipstream.bench.speed import latency as speed
from lipstream.bench.speed.latency import LatencyReport, measure_latency
from lipstream.bench.speed.measurements import RuntimeTimes, StepTimes
from lipstream.core.processes import in_fresh_process


@pytest.fixture
def loaded(pass_through: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Every model on every runtime passes through, in this process; the list fills with what was loaded."""
    names: list[tuple[str, str]] = []

    def load(model: str, runtime: str, folder: Path) -> Any:
        names.append((model, runtime))
        return pass_through

    def call(function: Callable[..., Any], *arguments: Any, threads: int = 1) -> Any:
        return function(*arguments)

    monkeypatch.setattr(speed, "load_candidate", load)
    monkeypatch.setattr(speed, "prepare_graphs", lambda *_: None)
    monkeypatch.setattr(speed, "in_fresh_process", call)
    return names


def test_every_preset_is_timed_on_every_runtime_after_it_was_loaded_once(loaded: list[tuple[str, str]]):
    report = measure_latency(["lite", "base"], ["onnx", "eager"], hops=5)
    pairs = [("lite", "onnx"), ("lite", "eager"), ("base", "onnx"), ("base", "eager")]
    assert loaded == [pair for pair in pairs for _ in range(2)]
    assert [entry.hop.count for entry in report.runtimes] == [5] * 4
    assert report.untrained == ["base"]
    assert "random weights: base" in report.text()


def test_only_runtimes_that_take_threads_are_timed_with_several(loaded: list[tuple[str, str]]):
    report = measure_latency(["lite"], ["onnx", "eager"], hops=3, threads=(1, 2))
    assert [(e.runtime, e.threads) for e in report.runtimes] == [("onnx", 1), ("eager", 1), ("eager", 2)]
    assert "eager, 2 threads, hop" in report.text()


def test_the_latency_report_shows_steps_and_models_and_goes_to_json(
    loaded: list[tuple[str, str]], tmp_path: Path
):
    report = measure_latency(["lite"], ["onnx"], hops=5)
    text = report.text()
    for part in ("pass-through onnx, hop", "pass-through onnx, video frame", "25.0", "p99 %"):
        assert part in text
    write_json(tmp_path / "report.json", report)
    assert '"misses": ' in (tmp_path / "report.json").read_text()
    names = {entry.name for entry in report.measurements()}
    assert {"latency.pass-through.onnx.1.hop.p50", "latency.pass-through.onnx.1.state"} <= names


def test_a_process_of_its_own_tells_what_loading_takes():
    report = in_fresh_process(speed.time_candidate, "lite", "onnx", 1, 3, Path())
    assert (report.model, report.runtime, report.hop.count) == ("lite", "onnx", 3)
    assert report.first_output_ms > 0
    assert report.loading_mib is None or 5 < report.loading_mib < 250


def test_a_row_of_the_step_table_reads_as_measured():
    times = StepTimes.of([0.001, 0.001, 0.002], deadline_s=0.0125)
    entry = RuntimeTimes("lite", "onnx", times, times, 25.0, 80.0, 477148, loading_mib=12.5)
    rows = LatencyReport(fingerprint(), [entry]).text().split("\n")
    hop = next(row for row in rows if row.startswith("lite onnx, hop"))
    assert hop.split()[3:6] == ["3", "12.50", "1.000"]
    assert hop.split()[6:] == ["1.900", "1.980", "2.000", "0.980", "0.471", "0", "8.0", "15.8", "0.1067"]
    assert rows[-1].split() == ["lite", "onnx", "25.0", "80", "0.1067", "477", "kB", "12.5", "-"]

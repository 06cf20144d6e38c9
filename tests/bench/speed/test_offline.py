"""The offline form: its time, and where the stream overtakes it, by lines drawn to cross there."""

from typing import Any

import pytest

from lipstream.bench.machine import fingerprint
from lipstream.bench.speed import offline as module
from lipstream.bench.speed.measurements import StepTimes
from lipstream.bench.speed.offline import (
    Crossover,
    CrossoverReport,
    OfflineTimes,
    StreamCost,
    find_crossovers,
    measure_crossover,
    measure_offline,
)
from lipstream.errors import InputError


def test_the_fastest_run_counts():
    ticks = iter([1.0, 3.0, 4.0, 4.5, 5.0, 7.0])  # three runs
    times = measure_offline("lite", seconds=0.5, runs=3, clock=lambda: next(ticks))
    assert times.seconds == pytest.approx(0.5)
    assert times.elapsed_s == pytest.approx(0.5)
    assert times.rtf == pytest.approx(1.0)
    assert times.noise_percent == pytest.approx(300)


def test_an_unknown_preset_has_no_offline_form():
    with pytest.raises(InputError, match="unknown model"):
        measure_offline("huge")


def offline(seconds: float, elapsed_s: float) -> OfflineTimes:
    return OfflineTimes("lite", seconds, elapsed_s, elapsed_s / seconds, 0.0)


def stream(hop_ms: float) -> StreamCost:
    return StreamCost("onnx", 0.025, 0.0125, StepTimes.of([1e-3 * hop_ms] * 3, 0.0125))


def test_the_stream_lags_by_its_window_and_a_hop_and_computes_hop_by_hop():
    cost = stream(1.0)
    assert cost.lag_s == pytest.approx(0.026)
    assert cost.compute_s(10.0) == pytest.approx(0.8)


def test_a_crossing_is_found_between_two_lengths():
    # The offline form takes 0.01 s for each second: it is as late as the stream (0.026 s) at 2.6 s.
    times = [offline(length, 0.01 * length) for length in (1.0, 4.0)]
    found = find_crossovers(times, stream(1.0))
    assert found["first output"] == Crossover(None, always=True)
    assert found["last output"].at_s == pytest.approx(2.6)
    assert found["computing"] == Crossover(None, always=False)


def test_only_a_lead_that_lasts_counts():
    # In computing (0.08 s a second) the stream leads at 1 s, not at 4 s, and again from about 10 s on.
    times = [offline(1.0, 0.1), offline(4.0, 0.2), offline(10.0, 0.9)]
    at_s = find_crossovers(times, stream(1.0))["computing"].at_s
    assert at_s is not None
    assert 4.0 < at_s < 10.0


def test_the_report_says_where_in_words():
    times = [offline(1.0, 0.01), offline(4.0, 0.04)]
    report = CrossoverReport(
        fingerprint(), "lite", 1, times, [stream(1.0)], {"onnx": find_crossovers(times, stream(1.0))}
    )
    text = report.text()
    assert "ahead in first output: at every length measured, from 1 s" in text
    assert "ahead in last output: from 2.6 s on" in text
    assert "ahead in computing: not up to 4 s" in text
    assert next(report.measurements()).name == "offline.lite.1s.compute"


def test_lengths_are_measured_from_the_shortest_on(pass_through: Any, monkeypatch: pytest.MonkeyPatch):
    runs: list[tuple[float, int]] = []

    def measure(model: str, seconds: float, count: int) -> OfflineTimes:
        runs.append((seconds, count))
        return offline(seconds, 0.1)

    monkeypatch.setattr(module, "load_runtime", lambda model, runtime: pass_through)
    monkeypatch.setattr(module, "measure_offline", measure)
    report = measure_crossover("lite", ["onnx"], [10, 1], hops=3)
    assert runs == [(1, 3), (10, 1)]
    assert report.streams[0].window_s == pytest.approx(0.025)
    assert set(report.crossovers) == {"onnx"}

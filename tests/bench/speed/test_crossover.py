"""Where the stream overtakes the offline form: lines that cross where they were drawn to cross."""

from typing import Any

import pytest

from lipstream.bench.speed import offline as crossover
from lipstream.bench.speed.machine import fingerprint
from lipstream.bench.speed.measurements import StepTimes
from lipstream.bench.speed.offline import (
    Crossover,
    CrossoverReport,
    OfflineTimes,
    StreamCost,
    find_crossovers,
    measure_crossover,
)


def offline(seconds: float, elapsed_s: float) -> OfflineTimes:
    return OfflineTimes("lite", seconds, elapsed_s, elapsed_s / seconds, 1e3 * elapsed_s, 0.0)


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
    assert next(report.readings()).name == "offline.lite.1s.compute"


def test_lengths_are_measured_from_the_shortest_on(pass_through: Any, monkeypatch: pytest.MonkeyPatch):
    runs: list[tuple[float, int]] = []

    def measure(model: str, seconds: float, count: int) -> OfflineTimes:
        runs.append((seconds, count))
        return offline(seconds, 0.1)

    monkeypatch.setattr(crossover, "load_runtime", lambda model, runtime: pass_through)
    monkeypatch.setattr(crossover, "measure_offline", measure)
    report = measure_crossover("lite", ["onnx"], [10, 1], hops=3)
    assert runs == [(1, 3), (10, 1)]
    assert report.streams[0].window_s == pytest.approx(0.025)
    assert set(report.crossovers) == {"onnx"}

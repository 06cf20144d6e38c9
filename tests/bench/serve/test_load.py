"""A load test tells the truth of a server: what its fit says, and, with a real one, that nobody was lost."""

from dataclasses import replace

import pytest

from lipstream.bench.serve.load import LoadTimes, fit_times, measure_load

TIMES = LoadTimes(
    streams=2,
    p50_ms=1.0,
    p99_ms=2.0,
    server_p99_ms=2.5,
    cpu_percent=10.0,
    step_percent=50.0,
    chunks_a_step=1.0,
    errors=0,
    steps=100,
    chunks=100,
    cpu_s=0.1,
)


def test_the_cost_of_a_step_and_of_a_chunk_is_found() -> None:
    many = replace(TIMES, steps=100, chunks=800, cpu_s=1e-6 * (300 * 100 + 700 * 800))
    one = replace(TIMES, cpu_s=1e-6 * (300 * 100 + 700 * 100))
    assert fit_times([one, many]) == pytest.approx((300, 700))
    assert fit_times([one]) == pytest.approx((0, 1_000))


def test_streams_a_core_leave_a_part_of_it_free() -> None:
    assert TIMES.streams_a_core == pytest.approx(14)


@pytest.mark.slow
def test_callers_of_a_real_server_lose_nothing() -> None:
    pytest.importorskip("uvicorn")
    told: list[str] = []
    report = measure_load("lite", "auto", [1, 2], 0.5, 20.0, faults=False, tell=told.append)
    assert [entry.errors for entry in report.times] == [0, 0]
    assert all(entry.cpu_s > 0 and entry.chunks == 25 * entry.streams for entry in report.times)
    assert len(told) == 3
    assert "streams a\nCPU" not in report.text()
    assert "p99 stayed under a hop" in report.text()

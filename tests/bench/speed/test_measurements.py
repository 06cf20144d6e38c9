"""Timing of hops: percentiles, misses and shares of the deadline, on a runtime with known times."""

from collections.abc import Iterator

import numpy as np
import pytest

from lipstream.bench.speed.measurements import (
    WARM_UP,
    StepTimes,
    measure_hops,
    measure_runtime,
    measure_video_frames,
    spread_percent,
)
from lipstream.stream.runtimes.base import StreamSpec


class TimedRuntime:
    """A runtime on a simulated clock: each call moves the clock on by the next of the given seconds."""

    spec = StreamSpec("timed", 16000, 400, 200, 8, 96)
    state_bytes = 1234

    def __init__(self, durations: Iterator[float]) -> None:
        self.now_s = 0.0
        self.hops = 0
        self.frames = 0
        self.ages: list[float] = []
        self._durations = durations

    def clock(self) -> float:
        return self.now_s

    def reset(self) -> None:
        self.hops = self.frames = 0

    def process_hop(
        self, hop: np.ndarray, embedding: np.ndarray, video_age_s: float, dry: float
    ) -> tuple[np.ndarray, float]:
        assert hop.shape == (200,)
        assert hop.dtype == np.float32
        assert embedding.shape == (8,)
        assert embedding.dtype == np.float32
        self.hops += 1
        self.ages.append(video_age_s)
        self.now_s += next(self._durations)
        return hop, 0.0

    def encode_lips(self, crop: np.ndarray) -> np.ndarray:
        assert crop.shape == (96, 96, 3)
        assert crop.dtype == np.uint8
        self.frames += 1
        self.now_s += next(self._durations)
        return np.zeros(8, np.float32)

    def see(self, landmarks: np.ndarray, age_s: float) -> np.ndarray:
        raise AssertionError("it has crops to encode")


def constant(seconds: float) -> Iterator[float]:
    while True:
        yield seconds


def test_percentiles_and_misses_of_known_times():
    times = StepTimes.of([0.001 * step for step in range(1, 101)], deadline_s=0.0905)
    assert times.count == 100
    assert times.deadline_ms == pytest.approx(90.5)
    assert times.p50_ms == pytest.approx(50.5)
    assert times.p95_ms == pytest.approx(95.05)
    assert times.p99_ms == pytest.approx(99.01)
    assert times.max_ms == pytest.approx(100)
    assert times.mean_ms == pytest.approx(50.5)
    assert times.jitter_ms == pytest.approx(99.01 - 50.5)
    assert times.std_ms == pytest.approx(28.866, abs=1e-3)
    assert times.misses == 10
    assert times.p50_percent == pytest.approx(100 * 50.5 / 90.5)
    assert times.p99_percent == pytest.approx(100 * 99.01 / 90.5)
    assert times.rtf == pytest.approx(50.5 / 90.5)


def test_a_hop_that_takes_exactly_its_time_is_no_miss():
    assert StepTimes.of([0.0125, 0.0125], deadline_s=0.0125).misses == 0


def test_warm_up_hops_are_run_and_not_counted():
    slow_start = iter([1.0] * WARM_UP + [0.001] * 50)
    runtime = TimedRuntime(slow_start)
    times = measure_hops(runtime, hops=50, clock=runtime.clock)
    assert runtime.hops == WARM_UP + 50
    assert times.count == 50
    assert times.max_ms == pytest.approx(1.0)


def test_the_deadline_of_a_hop_is_its_duration_and_that_of_a_video_frame_its_period():
    runtime = TimedRuntime(constant(0.02))
    hops = measure_hops(runtime, hops=20, clock=runtime.clock)
    frames = measure_video_frames(runtime, frames=10, clock=runtime.clock)
    assert hops.deadline_ms == pytest.approx(12.5)
    assert frames.deadline_ms == pytest.approx(40.0)
    assert (hops.misses, frames.misses) == (20, 0)


def test_hops_are_timed_with_a_video_that_is_present():
    runtime = TimedRuntime(constant(0.001))
    measure_hops(runtime, hops=10, clock=runtime.clock)
    assert 0 <= min(runtime.ages) <= max(runtime.ages) < 0.04


def test_the_first_output_waits_for_loading_and_for_the_first_hop():
    runtime = TimedRuntime(constant(0.005))

    def load() -> TimedRuntime:
        runtime.now_s += 0.2
        return runtime

    times = measure_runtime(load, "simulated", hops=30, clock=runtime.clock)
    assert times.first_output_ms == pytest.approx(205)
    assert times.latency_ms == pytest.approx(25)
    assert (times.model, times.runtime, times.state_bytes) == ("timed", "simulated", 1234)
    assert (times.hop.count, times.video_frame.count) == (30, 3)


def test_a_steady_measurement_has_no_spread_however_it_varies_inside():
    assert spread_percent([1.0, 3.0] * 50) == 0.0


def test_a_machine_that_slows_down_shows():
    assert spread_percent(np.repeat([1.0, 1.0, 1.0, 1.2, 1.2], 20)) == pytest.approx(20)


def test_one_value_and_zeros_have_no_spread():
    assert spread_percent([2.0]) == 0.0
    assert spread_percent([0.0, 0.0]) == 0.0

"""An hour of simulated time with each fault again and again: the delay comes back, and nothing piles up."""

import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from lipstream import Enhancer
from lipstream.core.arrays import Float32
from lipstream.stream.live.pipeline import PipelineConfig
from lipstream.stream.live.simulation import DeviceTiming, run_simulated
from lipstream.stream.video.frames import LipFrame

Make = Callable[..., Any]
Spans = Sequence[tuple[float, float]]

HOUR_S = 3_600.0
#: What is held of the memory taken in this span must be next to nothing.
WATCHED_S = (3_000.0, 3_400.0)
#: The delay is measured from here on, and faults end before.
CALM_S = 3_500.0


def again_and_again(every_s: float, for_s: float) -> Spans:
    return [(start, start + for_s) for start in np.arange(every_s, CALM_S - 60, every_s)]


class Camera:
    """Gives lips 25 times a second, but not while it is gone."""

    def __init__(self, clock: Any, gone: Spans) -> None:
        self._clock, self._gone = clock, gone
        self.asked = self.given = 0

    def newest_since(self, sequence: int) -> LipFrame | None:
        now_s = self._clock.now()
        self.asked += 1
        if any(begin <= now_s < end for begin, end in self._gone):
            return None
        self.given += 1
        return LipFrame(int(25 * now_s), now_s - 0.08, landmarks=np.zeros((44, 2), np.float32))


class Unplugged:
    """Takes a device away and puts it back, as the watchdog would see it."""

    def __init__(self, device: Any, start: Callable[[], None], gone: Spans) -> None:
        self._device, self._start, self._gone = device, start, gone

    def __call__(self, now_s: float) -> None:
        gone = any(begin <= now_s < end for begin, end in self._gone)
        if gone and self._device.alive:
            self._device.stop()
        elif not gone and not self._device.alive:
            self._start()


@pytest.fixture
def soak(simulate: Make, slow_rate_enhancer: Enhancer) -> Make:
    def run(
        source: DeviceTiming | None = None,
        sink: DeviceTiming | None = None,
        worker_stalls: Spans = (),
        unplugged: tuple[str, Spans] | None = None,
        camera_gone: Spans | None = None,
    ) -> Any:
        """An hour; checks the delay at its end and the memory, and gives the simulation."""
        stream = simulate(
            rate=1_000,
            block=800,
            enhancer=slow_rate_enhancer,
            signal=lambda times_s: (times_s / HOUR_S).astype(np.float32),
            config=PipelineConfig(max_latency_ms=3_000),
            source_timing=source or DeviceTiming(jitter_s=0.008),
            sink_timing=sink or DeviceTiming(jitter_s=0.008),
            keep_from_s=CALM_S,
        )
        pipeline, clock = stream.pipeline, stream.clock
        plug: Callable[[float], None] = lambda now_s: None  # noqa: E731
        if unplugged is not None:
            name, gone = unplugged
            device, call = getattr(stream, name), pipeline.render if name == "sink" else pipeline.capture
            plug = Unplugged(device, lambda: device.start(call), gone)
        if camera_gone is not None:
            pipeline.lips = stream.camera = Camera(clock, camera_gone)
        held = 0

        def look() -> None:
            nonlocal held
            now_s = clock.now()
            plug(now_s)
            if WATCHED_S[0] <= now_s and not tracemalloc.is_tracing() and not held:
                tracemalloc.start()
            elif now_s >= WATCHED_S[1] and not held:
                held = tracemalloc.get_traced_memory()[0]
                tracemalloc.stop()

        run_simulated(
            pipeline,
            stream.source,
            stream.sink,
            clock,
            HOUR_S,
            worker_stalls=worker_stalls,
            tick_s=1.0,
            each_tick=look,
        )
        assert 0 < held < 60_000
        told = pipeline.stats().latency
        assert told.known
        assert told.added_ms <= 3_000
        delays_ms: Float32 = 1_000 * (stream.sink.times_s - HOUR_S * stream.sink.played)
        assert np.median(delays_ms) == pytest.approx(told.total_ms, abs=15)
        assert np.ptp(delays_ms) < 40
        stream.raised_ms = told.added_ms - pipeline.latency.added_ms
        return stream

    return run


def test_overruns_and_underruns(soak: Make) -> None:
    stalls = again_and_again(every_s=120, for_s=8.0)
    stats = soak(worker_stalls=stalls).pipeline.stats()
    assert len(stalls) // 2 < stats.output_underruns <= 2 * len(stalls)
    assert stats.input_overflows >= len(stalls)


@pytest.mark.parametrize("name", ["source", "sink"])
def test_a_device_that_goes_and_comes_back(soak: Make, name: str) -> None:
    gone = again_and_again(every_s=300, for_s=30.0)
    stream = soak(unplugged=(name, gone))
    assert stream.pipeline.stats().output_underruns <= len(gone)
    assert abs(stream.raised_ms) < 15


def test_a_camera_that_goes_and_comes_back_and_a_microphone_whose_clock_is_slow(soak: Make) -> None:
    """The other way of drift has a test of its own, with a tone: buffers/test_control.py."""
    gone = again_and_again(every_s=100, for_s=50.0)
    stream = soak(source=DeviceTiming(ppm=-200.0, jitter_s=0.008), camera_gone=gone)
    assert 0.45 < stream.camera.given / stream.camera.asked < 0.6
    stats = stream.pipeline.stats()
    assert stats.drift_ppm == pytest.approx(-200.0, abs=80)
    assert stats.output_underruns == stats.input_overflows == 0
    assert stats.latency_cuts <= 1, "that of the start"
    assert abs(stream.raised_ms) < 15


def test_hops_that_take_too_long_now_and_then(soak: Make) -> None:
    stalls = again_and_again(every_s=4, for_s=0.5)
    stats = soak(worker_stalls=stalls).pipeline.stats()
    assert stats.output_underruns < len(stalls) / 4, "more is buffered after the first ones"


def test_a_computer_that_sleeps_and_wakes(soak: Make) -> None:
    asleep = again_and_again(every_s=600, for_s=300.0)
    timing = DeviceTiming(jitter_s=0.008, stalls=asleep)
    stream = soak(source=timing, sink=timing, worker_stalls=asleep)
    assert stream.pipeline.stats().output_underruns <= len(asleep)
    assert abs(stream.raised_ms) < 15

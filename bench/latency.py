"""Time per hop through the public step of a runtime: percentiles, missed deadlines, the first output."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..stream.runtimes.base import Runtime

#: Calls before timing starts: caches warm up, clocks rise, lazy set-up ends.
WARM_UP = 200
#: Frame rate in Hz that gives the visual encoder its deadline.
VIDEO_FPS = 25
#: Level of the noise that is enhanced, -26 dB full scale. The time of a hop does not depend on its content.
LEVEL = 0.05

Clock = Callable[[], float]


@dataclass(frozen=True)
class StepTimes:
    """Wall times of a step that must end before the next one is due.

    Attributes:
        count: steps that were timed.
        deadline_ms: time between two steps of a live stream.
        p50_ms, p95_ms, p99_ms, max_ms, mean_ms: over all steps.
        misses: steps that took longer than the deadline.
        p50_percent, p99_percent: the median and the 99th percentile in percent of the deadline.
        rtf: real-time factor, mean time over the deadline.
    """

    count: int
    deadline_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    mean_ms: float
    misses: int
    p50_percent: float
    p99_percent: float
    rtf: float

    @classmethod
    def of(cls, seconds: Sequence[float], deadline_s: float) -> "StepTimes":
        """Summarise times in seconds."""
        times = np.asarray(seconds, dtype=np.float64)
        p50, p95, p99 = (float(value) for value in np.percentile(times, (50, 95, 99)))
        return cls(
            count=times.size,
            deadline_ms=1e3 * deadline_s,
            p50_ms=1e3 * p50,
            p95_ms=1e3 * p95,
            p99_ms=1e3 * p99,
            max_ms=1e3 * float(times.max()),
            mean_ms=1e3 * float(times.mean()),
            misses=int(np.count_nonzero(times > deadline_s)),
            p50_percent=100 * p50 / deadline_s,
            p99_percent=100 * p99 / deadline_s,
            rtf=float(times.mean()) / deadline_s,
        )


@dataclass(frozen=True)
class RuntimeTimes:
    """A streaming model on one runtime.

    Attributes:
        model, runtime: their names.
        hop: times of `Runtime.process_hop`.
        video_frame: times of `Runtime.encode_lips`, whose deadline is a frame at `VIDEO_FPS`.
        latency_ms: algorithmic latency of the stream at the model's rate: the window.
        first_output_ms: from the call that loads the model until its first hop is out.
        state_bytes: what one stream carries.
    """

    model: str
    runtime: str
    hop: StepTimes
    video_frame: StepTimes
    latency_ms: float
    first_output_ms: float
    state_bytes: int


def measure_runtime(
    load: Callable[[], Runtime], runtime_name: str, hops: int, clock: Clock = time.perf_counter
) -> RuntimeTimes:
    """Load a model on a runtime and time it.

    Args:
        load: makes the runtime; its time counts towards the first output.
        runtime_name: name for the report.
        hops: hops to time after the warm-up; a tenth as many video frames are timed.
        clock: monotonic, in seconds.
    """
    started = clock()
    runtime = load()
    hop_call(runtime)(0)
    first_output_s = clock() - started
    spec = runtime.spec
    return RuntimeTimes(
        model=spec.name,
        runtime=runtime_name,
        hop=measure_hops(runtime, hops, clock),
        video_frame=measure_video_frames(runtime, max(1, hops // 10), clock),
        latency_ms=1e3 * spec.window_samples / spec.sample_rate,
        first_output_ms=1e3 * first_output_s,
        state_bytes=runtime.state_bytes,
    )


def measure_hops(runtime: Runtime, hops: int, clock: Clock = time.perf_counter) -> StepTimes:
    """Time `Runtime.process_hop` with a video present, after `WARM_UP` hops."""
    spec = runtime.spec
    runtime.reset()
    return StepTimes.of(time_calls(hop_call(runtime), hops, clock), spec.hop_samples / spec.sample_rate)


def measure_video_frames(runtime: Runtime, frames: int, clock: Clock = time.perf_counter) -> StepTimes:
    """Time `Runtime.encode_lips` after `WARM_UP` frames."""
    size = runtime.spec.lips_size
    crops = np.random.default_rng(0).integers(0, 256, (16, size, size, 3), dtype=np.uint8)
    runtime.reset()
    calls = time_calls(lambda index: runtime.encode_lips(crops[index % len(crops)]), frames, clock)
    return StepTimes.of(calls, 1 / VIDEO_FPS)


def time_calls(call: Callable[[int], object], count: int, clock: Clock = time.perf_counter) -> list[float]:
    """Seconds that each of ``count`` calls takes, after `WARM_UP` calls that do not count."""
    for index in range(WARM_UP):
        call(index)
    seconds = []
    for index in range(WARM_UP, WARM_UP + count):
        started = clock()
        call(index)
        seconds.append(clock() - started)
    return seconds


def hop_call(runtime: Runtime) -> Callable[[int], object]:
    """A call of `Runtime.process_hop` by the number of the hop, its input made beforehand."""
    spec = runtime.spec
    random = np.random.default_rng(0)
    hops = (LEVEL * random.standard_normal((64, spec.hop_samples))).astype(np.float32)
    embedding = random.standard_normal(spec.embedding_size).astype(np.float32)
    hop_s = spec.hop_samples / spec.sample_rate

    def call(index: int) -> object:
        video_age_s = (index * hop_s) % (1 / VIDEO_FPS)
        return runtime.process_hop(hops[index % len(hops)], embedding, video_age_s, 0.0)

    return call

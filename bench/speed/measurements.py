"""Times of steps through the public step of a runtime, and the numbers that two runs are compared by."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...models.lips.points import POINTS
from ...stream.runtimes.base import Runtime
from ..machine import resident_mib

#: A measurement is cut into so many parts in order; how far they differ is its noise.
PARTS = 5


@dataclass(frozen=True)
class Measurement:
    """One number of a report.

    Attributes:
        name: what it is, part by part with dots, such as ``latency.lite.native.hop``.
        value: in ``unit``, above 0 or 0.
        unit: as shown.
        noise_percent: how far it moved while it was measured (`spread_percent`); 0 for what is counted.
        higher_is_better: for most a higher value is worse.
    """

    name: str
    value: float
    unit: str
    noise_percent: float = 0.0
    higher_is_better: bool = False


def spread_percent(values: Sequence[float] | npt.NDArray[np.float64], percentile: float = 50.0) -> float:
    """How far a percentile differs between `PARTS` consecutive parts, in percent of that of all values.

    Other work on the machine and a changing clock show here; what they do evenly does not.
    """
    whole = float(np.percentile(values, percentile))
    parts = np.array_split(np.asarray(values, dtype=np.float64), min(PARTS, len(values)))
    each = [float(np.percentile(part, percentile)) for part in parts]
    return 100 * (max(each) - min(each)) / whole if whole > 0 else 0.0


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
        jitter_ms: the 99th percentile above the median: what must be kept ready for hops that come late.
        std_ms: standard deviation.
        misses: steps that took longer than the deadline.
        p50_percent, p99_percent: the median and the 99th percentile in percent of the deadline.
        rtf: real-time factor, mean time over the deadline.
        p50_noise_percent, p99_noise_percent: how far they moved while they were measured, see
            `spread_percent`.
    """

    count: int
    deadline_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    mean_ms: float
    jitter_ms: float
    std_ms: float
    misses: int
    p50_percent: float
    p99_percent: float
    rtf: float
    p50_noise_percent: float
    p99_noise_percent: float

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
            jitter_ms=1e3 * (p99 - p50),
            std_ms=1e3 * float(times.std()),
            misses=int(np.count_nonzero(times > deadline_s)),
            p50_percent=100 * p50 / deadline_s,
            p99_percent=100 * p99 / deadline_s,
            rtf=float(times.mean()) / deadline_s,
            p50_noise_percent=spread_percent(times, 50),
            p99_noise_percent=spread_percent(times, 99),
        )


@dataclass(frozen=True)
class RuntimeTimes:
    """A streaming model on one runtime.

    Attributes:
        model, runtime: their names.
        hop: times of `Runtime.process_hop`.
        video_frame: times of the visual encoder, whose deadline is a frame at `VIDEO_FPS`.
        latency_ms: algorithmic latency of the stream at the model's rate: the window.
        first_output_ms: from the call that loads the model until its first hop is out.
        state_bytes: what one stream carries.
        loading_mib: main memory that the process gained until its first hop was out, libraries included
            where they were not loaded before; None where the system does not tell.
        running_mib: what it gained after that.
        threads: threads that the runtime was given.
    """

    model: str
    runtime: str
    hop: StepTimes
    video_frame: StepTimes
    latency_ms: float
    first_output_ms: float
    state_bytes: int
    loading_mib: float | None = None
    running_mib: float | None = None
    threads: int = 1

    @property
    def title(self) -> str:
        """Model and runtime, and the threads where there are several."""
        threads = f", {self.threads} threads" if self.threads > 1 else ""
        return f"{self.model} {self.runtime}{threads}"


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
    before_mib = resident_mib()
    started = clock()
    runtime = load()
    hop_call(runtime)(0)
    first_output_s = clock() - started
    loaded_mib = resident_mib()
    spec = runtime.spec
    hop = measure_hops(runtime, hops, clock)
    video_frame = measure_video_frames(runtime, max(1, hops // 10), clock)
    ran_mib = resident_mib()
    return RuntimeTimes(
        model=spec.name,
        runtime=runtime_name,
        hop=hop,
        video_frame=video_frame,
        latency_ms=1e3 * spec.latency_samples / spec.sample_rate,
        first_output_ms=1e3 * first_output_s,
        state_bytes=runtime.state_bytes,
        loading_mib=_gain(before_mib, loaded_mib),
        running_mib=_gain(loaded_mib, ran_mib),
    )


def measure_hops(
    runtime: Runtime, hops: int, clock: Clock = time.perf_counter, warm_up: int = WARM_UP
) -> StepTimes:
    """Time `Runtime.process_hop` with a video present, after the warm-up."""
    spec = runtime.spec
    runtime.reset()
    seconds = time_calls(hop_call(runtime), hops, clock, warm_up)
    return StepTimes.of(seconds, spec.hop_samples / spec.sample_rate)


def measure_video_frames(runtime: Runtime, frames: int, clock: Clock = time.perf_counter) -> StepTimes:
    """Time `Runtime.encode_lips` or `Runtime.see`, whichever the model has, after `WARM_UP` frames."""
    runtime.reset()
    return StepTimes.of(time_calls(_video_frame_call(runtime), frames, clock), 1 / VIDEO_FPS)


def _video_frame_call(runtime: Runtime) -> Callable[[int], object]:
    """A call of the visual encoder by the number of the video frame, its input made beforehand."""
    random, size = np.random.default_rng(0), runtime.spec.lips_size
    if runtime.spec.lips == "landmarks":
        faces = random.uniform(100.0, 200.0, (16, len(POINTS), 3)).astype(np.float32)
        return lambda index: runtime.see(faces[index % len(faces)], 0.0)
    crops = random.integers(0, 256, (16, size, size, 3), dtype=np.uint8)
    return lambda index: runtime.encode_lips(crops[index % len(crops)])


def time_calls(
    call: Callable[[int], object], count: int, clock: Clock = time.perf_counter, warm_up: int = WARM_UP
) -> list[float]:
    """Seconds that each of ``count`` calls takes, after ``warm_up`` calls that do not count."""
    for index in range(warm_up):
        call(index)
    seconds = []
    for index in range(warm_up, warm_up + count):
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


def _gain(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before

"""Many streams on one core: a joint step of n streams against n runtimes of one stream each, in turns."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...stream.runtimes import PoolRuntime, load_pool, load_runtime
from ..machine import Machine, fingerprint
from ..output import format_table
from .measurements import LEVEL, VIDEO_FPS, Measurement, hop_call

#: Numbers of streams to measure.
COUNTS = (1, 2, 4, 8, 16)
#: The runtime whose streams share a GPU; of all others, a core.
ON_GPU = "cuda-graph"
#: The median of a joint step differs by so much from one run to the next.
NOISE_PERCENT = 10.0
#: Steps that do not count, and hops that are made beforehand.
_WARM_UP, _HOPS = 20, 64


@dataclass(frozen=True)
class StreamsTimes:
    """So many streams, with the lips fresh.

    Attributes:
        streams: how many.
        joint_us: median time of a joint step for each stream in it.
        apart_us: median time for each stream of as many runtimes of one stream, one after the other.
        gain: how many times faster the joint step is.
        capacity: streams whose hops one core (or GPU) steps in the time of a hop, at the median and without
            their resampling.
    """

    streams: int
    joint_us: float
    apart_us: float
    gain: float
    capacity: float


@dataclass(frozen=True)
class StreamsReport:
    """Numbers of streams of a model on a runtime.

    Attributes:
        machine: what it ran on.
        model, runtime: their names.
        hop_ms: time between two hops of a stream.
        hops: steps that were timed, of each number of streams.
        state_bytes: what one stream carries.
        times: for each number of streams.
    """

    machine: Machine
    model: str
    runtime: str
    hop_ms: float
    hops: int
    state_bytes: int
    times: Sequence[StreamsTimes]

    def text(self) -> str:
        """The machine, a table, and what was not measured."""
        of = "GPU" if self.runtime == ON_GPU else "core"
        rows = [
            [
                str(entry.streams),
                f"{entry.joint_us:.0f}",
                f"{entry.apart_us:.0f}",
                f"{entry.gain:.2f}",
                f"{entry.capacity:.0f}",
            ]
            for entry in self.times
        ]
        headers = ["streams", "together\nus", "apart\nus", "times\nfaster", f"streams\nper {of}"]
        what = (
            f"{self.model} on {self.runtime}: time of a hop for each stream, due every {self.hop_ms:g} ms; "
            f"medians of {self.hops} steps"
        )
        lines = [self.machine.describe(), "", what, "", format_table(headers, rows)]
        if self.runtime != ON_GPU:
            lines += [
                "",
                f"streams per GPU: not measured (runtime '{ON_GPU}' measures it where there is one)",
            ]
        return "\n".join(lines)

    def measurements(self) -> Iterator[Measurement]:
        """The time of a joint step for each stream."""
        for entry in self.times:
            name = f"streams.{self.model}.{self.runtime}.{entry.streams}"
            yield Measurement(f"{name}.together", entry.joint_us, "us", NOISE_PERCENT)


def measure_streams(
    model: str, runtime: str, counts: Sequence[int] = COUNTS, hops: int = 300
) -> StreamsReport:
    """Time joint steps and single runtimes in turns, in one process.

    Args:
        model: name of a preset.
        runtime: name of a runtime. Times are those of the thread, which leave out what other processes took;
            on a GPU, wall times.
        counts: numbers of streams.
        hops: steps of each number to time, after the warm-up.

    Raises:
        InputError: unknown model or runtime, one that cannot run here, or weights that are not there.
    """
    clock = time.perf_counter if runtime == ON_GPU else time.thread_time
    singles = [load_runtime(model, runtime) for _ in range(max(counts))]
    alone = [hop_call(single) for single in singles]
    spec = singles[0].spec
    hop_s = spec.hop_samples / spec.sample_rate
    times = []
    for count in counts:
        joint = _joint_call(load_pool(model, count, runtime))
        times.append(_times(count, *_take_turns(joint, alone[:count], hops, clock), hop_s))
    return StreamsReport(fingerprint(), model, runtime, 1e3 * hop_s, hops, singles[0].state_bytes, times)


def _take_turns(
    joint: Callable[[int], object],
    alone: Sequence[Callable[[int], object]],
    hops: int,
    clock: Callable[[], float],
) -> tuple[float, float]:
    """Median seconds of a joint step, and of a step of each alone."""
    joint_s, apart_s = [], []
    for index in range(_WARM_UP + hops):
        start = clock()
        joint(index)
        between = clock()
        for call in alone:
            call(index)
        joint_s.append(between - start)
        apart_s.append(clock() - between)
    return float(np.median(joint_s[_WARM_UP:])), float(np.median(apart_s[_WARM_UP:]))


def _times(count: int, joint_s: float, apart_s: float, hop_s: float) -> StreamsTimes:
    return StreamsTimes(
        streams=count,
        joint_us=1e6 * joint_s / count,
        apart_us=1e6 * apart_s / count,
        gain=apart_s / joint_s,
        capacity=hop_s * count / joint_s,
    )


def _joint_call(pool: PoolRuntime) -> Callable[[int], object]:
    """A call of `PoolRuntime.process_hops` by the number of the hop, as `hop_call` for one stream."""
    spec, count = pool.spec, pool.streams
    random = np.random.default_rng(0)
    hops = (LEVEL * random.standard_normal((_HOPS, count, spec.hop_samples))).astype(np.float32)
    embeddings = random.standard_normal((count, spec.embedding_size)).astype(np.float32)
    hop_s = spec.hop_samples / spec.sample_rate
    dry, active = np.zeros(count, np.float32), np.ones(count, np.bool_)

    def call(index: int) -> object:
        ages_s = np.full(count, (index * hop_s) % (1 / VIDEO_FPS), np.float32)
        return pool.process_hops(hops[index % _HOPS], embeddings, ages_s, dry, active)

    return call

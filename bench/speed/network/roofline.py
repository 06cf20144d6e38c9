"""How close a hop comes to what the core can do at most, and runtimes against each other in one process."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ....kernels.cpu import peak as cpu_peak
from ....models.lite_avse import build
from ....stream.runtimes import Runtime, load_runtime
from ...machine import Machine, fingerprint
from ...output import format_table
from ..measurements import WARM_UP, Measurement, hop_call, spread_percent
from .complexity import hop_bytes, streaming_complexity


@dataclass(frozen=True)
class Roofline:
    """The least time of a hop on one core of this machine.

    Attributes:
        macs: multiply-accumulates in the products of a hop, as the torch model has them.
        macs_per_second: the most that the step's product does.
        bytes: weights of the audio path once, audio state twice (read and written).
        bytes_per_second: of copies of so much memory.
    """

    macs: float
    macs_per_second: float
    bytes: int
    bytes_per_second: float

    @property
    def compute_us(self) -> float:
        return 1e6 * self.macs / self.macs_per_second

    @property
    def memory_us(self) -> float:
        return 1e6 * self.bytes / self.bytes_per_second


@dataclass(frozen=True)
class TurnTimes:
    """A runtime, its hops taking turns with those of the others.

    Attributes:
        runtime: its name.
        wall_us: median time of a hop.
        cpu_us: median processor time of the thread, which leaves out what other processes took.
        times_faster: median of the first runtime's processor time over this one's.
        percent_of_hop: median time in percent of the time until the next hop.
        noise_percent: how far the median of processor time moved, see `spread_percent`.
    """

    runtime: str
    wall_us: float
    cpu_us: float
    times_faster: float
    percent_of_hop: float
    noise_percent: float


@dataclass(frozen=True)
class RooflineReport:
    """The roofline, and every runtime with the lips fresh."""

    machine: Machine
    roofline: Roofline
    runtimes: Sequence[TurnTimes]

    def text(self) -> str:
        """The machine, the roofline in two lines, a table."""
        roofline = self.roofline
        rows = [
            [
                entry.runtime,
                f"{entry.wall_us:.0f}",
                f"{entry.cpu_us:.0f}",
                f"{entry.percent_of_hop:.2f}",
                f"{entry.times_faster:.2f}",
                f"{entry.cpu_us / roofline.compute_us:.1f}",
            ]
            for entry in self.runtimes
        ]
        headers = ["", "median\nus", "processor\nus", "% of\nhop", "times\nfaster", "times\nroofline"]
        return (
            f"{self.machine.describe()}\n\n"
            f"compute roofline {roofline.compute_us:.0f} us: {roofline.macs / 1e6:.2f} M products a hop, "
            f"{roofline.macs_per_second / 1e9:.0f} G a second\n"
            f"memory roofline {roofline.memory_us:.0f} us: {roofline.bytes / 1e6:.2f} MB a hop, "
            f"{roofline.bytes_per_second / 1e9:.0f} GB a second\n\n{format_table(headers, rows)}"
        )

    def measurements(self) -> Iterator[Measurement]:
        """The processor time of each runtime."""
        for entry in self.runtimes:
            yield Measurement(f"roofline.{entry.runtime}", entry.cpu_us, "us", entry.noise_percent)


def measure_roofline(model: str, runtimes: Sequence[str], hops: int) -> RooflineReport:
    """Measure the roofline, and the runtimes hop by hop in turns.

    Args:
        model: name of a preset.
        runtimes: names; the others are compared with the first.
        hops: of each runtime, after the warm-up.

    Raises:
        InputError: unknown model or runtime, or one that cannot run here.
        kernels.build.BuildError: there is no C++ compiler.
    """
    loaded = {name: load_runtime(model, name) for name in runtimes}
    return RooflineReport(
        fingerprint(), _roofline(model, next(iter(loaded.values()))), _take_turns(loaded, hops)
    )


def _roofline(model: str, runtime: Runtime) -> Roofline:
    complexity, spec = streaming_complexity(model), runtime.spec
    moved = hop_bytes(build(model))
    return Roofline(
        macs=complexity.products_per_second * spec.hop_samples / spec.sample_rate,
        macs_per_second=cpu_peak.macs_per_second(),
        bytes=moved,
        bytes_per_second=cpu_peak.bytes_per_second(moved),
    )


def _take_turns(runtimes: Mapping[str, Runtime], hops: int) -> list[TurnTimes]:
    calls = {name: hop_call(runtime) for name, runtime in runtimes.items()}
    wall_ns: dict[str, list[int]] = {name: [] for name in calls}
    cpu_ns: dict[str, list[int]] = {name: [] for name in calls}
    for index in range(WARM_UP + hops):
        for name, call in calls.items():
            wall_start, cpu_start = time.perf_counter_ns(), time.thread_time_ns()
            call(index)
            cpu_ns[name].append(time.thread_time_ns() - cpu_start)
            wall_ns[name].append(time.perf_counter_ns() - wall_start)
    medians = {name: float(np.median(times[WARM_UP:])) for name, times in cpu_ns.items()}
    first = next(iter(medians.values()))
    times = []
    for name, cpu in medians.items():
        wall, spec = float(np.median(wall_ns[name][WARM_UP:])), runtimes[name].spec
        share = wall / (1e9 * spec.hop_samples / spec.sample_rate)
        noise = spread_percent(cpu_ns[name][WARM_UP:])
        times.append(TurnTimes(name, wall / 1e3, cpu / 1e3, first / cpu, 100 * share, noise))
    return times

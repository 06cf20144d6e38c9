"""What so many streams need, by simulation: one core as a queue, then machines with callers that come and go.

A core takes all chunks that wait, enhances them together, and takes the next: a server with batches, whose
service time is ``step + chunk * n``. Callers of a fleet come at random (Poisson) and stay for a random time
(exponential), each on the machine with fewer streams of two that are drawn ("the power of two choices",
Mitzenmacher 2001); in the middle a machine dies, and its callers come back.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import simpy

from ...errors import InputError
from ..output import format_table
from ..speed.measurements import Measurement

#: Time between two hops, which the 99th percentile is to stay under, and how far service times scatter.
HOP_MS = 12.5
SPREAD = 0.25
#: Of chunks on their way: standard deviation of what a network adds.
NETWORK_MS = 2.0
#: Mean time that a caller stays, and within which callers come back whose machine died.
STAY_S, BACK_S = 180.0, 5.0


@dataclass(frozen=True)
class CorePoint:
    """A core with so many streams: its latency in ms, and the share of its time that it works."""

    streams: int
    p50_ms: float
    p99_ms: float
    busy_percent: float


@dataclass(frozen=True)
class FleetPoint:
    """So many machines under the load that is planned for.

    Attributes:
        machines: how many.
        places: streams that there is room for, in all.
        mean_streams, most_streams: at a time.
        refused_percent: of new callers, before a machine died.
        back_s: seconds after that until all its callers were served again; infinite: never.
        refused_after_percent: of the tries of new callers and of those who come back, after it.
    """

    machines: int
    places: int
    mean_streams: float
    most_streams: int
    refused_percent: float
    back_s: float
    refused_after_percent: float


@dataclass(frozen=True)
class PlanReport:
    """What it takes to serve so many streams.

    Attributes:
        target: streams at a time, in the mean.
        step_us, chunk_us: processor time of a joint step, and of each chunk in it.
        chunk_ms: length of a chunk.
        cores: of a machine.
        points: of one core.
        streams_a_core: the most at which the 99th percentile is under a hop and a quarter of it is left.
        fleet: for each number of machines.
    """

    target: int
    step_us: float
    chunk_us: float
    chunk_ms: float
    cores: int
    points: Sequence[CorePoint]
    streams_a_core: int
    fleet: Sequence[FleetPoint]

    def text(self) -> str:
        """A table of a core, one of the fleet, and the number of machines."""
        core = format_table(
            ["streams", "p50\nms", "p99\nms", "busy\n%"],
            [
                [str(p.streams), f"{p.p50_ms:.2f}", f"{p.p99_ms:.2f}", f"{p.busy_percent:.0f}"]
                for p in self.points
            ],
        )
        fleet = format_table(
            ["machines", "places", "streams\nmean", "most", "refused\n%", "back\ns", "refused then\n%"],
            [
                [
                    str(p.machines),
                    str(p.places),
                    f"{p.mean_streams:.0f}",
                    str(p.most_streams),
                    f"{p.refused_percent:.2f}",
                    f"{p.back_s:.1f}",
                    f"{p.refused_after_percent:.2f}",
                ]
                for p in self.fleet
            ],
        )
        enough = self.enough
        verdict = (
            f"{enough} machines serve {self.target} streams and lose none when one dies"
            if enough
            else "none of these numbers is enough"
        )
        return (
            f"one core, {self.step_us:.0f} us a step and {self.chunk_us:.0f} us a chunk of "
            f"{self.chunk_ms:g} ms, simulated\n\n{core}\n\n{self.streams_a_core} streams a core, "
            f"{self.cores} cores a machine; callers stay {STAY_S:g} s\n\n{fleet}\n\n{verdict}"
        )

    @property
    def enough(self) -> int | None:
        """The fewest machines that refuse fewer than 1 of 1000 callers, also after one died."""
        return next(
            (p.machines for p in self.fleet if p.refused_percent < 0.1 and p.refused_after_percent < 0.1),
            None,
        )

    def measurements(self) -> Iterator[Measurement]:
        """What is simulated is no measurement."""
        return iter(())


def make_plan(target: int, step_us: float, chunk_us: float, chunk_ms: float, cores: int) -> PlanReport:
    """Simulate one core with more and more streams, then fleets.

    Raises:
        InputError: not even one stream can be served at these costs.
    """
    most = int(1000 * chunk_ms / chunk_us)  # beyond it a core is busy all the time
    shares = (0.1, 0.25, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95)
    counts = sorted({max(1, round(most * share)) for share in shares})
    points = [simulate_core(count, step_us, chunk_us, chunk_ms) for count in counts]
    held = [p.streams for p in points if p.p99_ms < HOP_MS and p.busy_percent <= 75]
    if not held:
        raise InputError(
            f"a core serves no stream in time at {step_us:g} us a step and {chunk_us:g} us a chunk: "
            "give those of lipstream bench serve"
        )
    places = max(held) * cores
    least = -(-target // places)
    fleet = [simulate_fleet(least + more, places, target) for more in range(max(6, least // 4))]
    return PlanReport(target, step_us, chunk_us, chunk_ms, cores, points, max(held), fleet)


def simulate_core(
    streams: int, step_us: float, chunk_us: float, chunk_ms: float, seconds: float = 8.0, seed: int = 0
) -> CorePoint:
    """Chunks of so many streams, each with a phase of its own and some delay on the way, on one core."""
    random, world = np.random.default_rng(seed), simpy.Environment()
    waiting: list[float] = []
    latencies_s: list[float] = []
    busy_s = 0.0
    arrived = world.event()

    def caller() -> Generator[simpy.Event, Any, None]:
        yield world.timeout(random.uniform(0, chunk_ms / 1000))
        while True:
            world.process(chunk(abs(random.normal(0, NETWORK_MS)) / 1000))
            yield world.timeout(chunk_ms / 1000)

    def chunk(delay_s: float) -> Generator[simpy.Event, Any, None]:
        yield world.timeout(delay_s)
        waiting.append(world.now)
        if not arrived.triggered:
            arrived.succeed()

    def core() -> Generator[simpy.Event, Any, None]:
        nonlocal arrived, busy_s
        while True:
            if not waiting:
                arrived = world.event()
                yield arrived
            batch, waiting[:] = list(waiting), []
            took_s = (step_us + chunk_us * len(batch)) * 1e-6 * random.lognormal(-(SPREAD**2) / 2, SPREAD)
            busy_s += min(took_s, seconds - world.now)
            yield world.timeout(took_s)
            latencies_s.extend(world.now - came_s for came_s in batch)

    for _ in range(streams):
        world.process(caller())
    world.process(core())
    world.run(until=seconds)
    p50, p99 = 1e3 * np.percentile(latencies_s or [0.0], (50, 99))
    return CorePoint(streams, float(p50), float(p99), 100 * busy_s / seconds)


def simulate_fleet(
    machines: int, places: int, target: int, seconds: float = 240.0, seed: int = 0
) -> FleetPoint:
    """Callers on so many machines; half-way one machine dies for good, and its callers come back."""
    random, world = np.random.default_rng(seed), simpy.Environment()
    counts = np.zeros(machines, np.int64)
    alive = np.ones(machines, np.bool_)
    tries, refused, seen = np.zeros(2, np.int64), np.zeros(2, np.int64), []
    dies_s, back_s = seconds / 2, 0.0
    homeless: list[simpy.Process] = []

    def place() -> int | None:
        """A machine with room: of two that are drawn the emptier one, else any."""
        up = np.flatnonzero(alive)
        drawn = random.choice(up, min(2, len(up)), replace=False)
        for machine in (*drawn[np.argsort(counts[drawn])], *up[np.argsort(counts[up])]):
            if counts[machine] < places:
                return int(machine)
        return None

    def caller(stay_s: float, machine: int | None = None) -> Generator[simpy.Event, Any, None]:
        nonlocal back_s
        came_back = False
        while True:
            if machine is None:
                after = int(world.now >= dies_s)
                tries[after] += 1
                machine = place()
                if machine is None:
                    refused[after] += 1
                    wait_s = random.uniform(0, BACK_S)
                    stay_s -= wait_s
                    if not came_back or stay_s <= 0:  # it has no more to say
                        return
                    yield world.timeout(wait_s)
                    continue
            counts[machine] += 1
            if came_back:
                back_s = max(back_s, world.now - dies_s)
            began_s = world.now
            try:
                if machine == 0 and world.active_process is not None:
                    homeless.append(world.active_process)
                yield world.timeout(stay_s)
            except simpy.Interrupt:
                stay_s -= world.now - began_s
                machine, came_back = None, True
                yield world.timeout(random.uniform(0, BACK_S))
                continue
            counts[machine] -= 1
            return

    def arrivals() -> Generator[simpy.Event, Any, None]:
        while True:
            yield world.timeout(random.exponential(STAY_S / target))
            world.process(caller(random.exponential(STAY_S)))
            seen.append(int(counts.sum()))

    def death() -> Generator[simpy.Event, Any, None]:
        yield world.timeout(dies_s)
        alive[0], counts[0] = False, 0
        for process in homeless:
            if process.is_alive:
                process.interrupt()

    for number in range(min(target, machines * places)):  # it runs already
        world.process(caller(random.exponential(STAY_S), number % machines))
    world.process(arrivals())
    world.process(death())
    world.run(until=seconds)
    share = 100 * refused / np.maximum(tries, 1)
    return FleetPoint(
        machines, machines * places, float(np.mean(seen)), max(seen), float(share[0]), back_s, float(share[1])
    )


def plot_plan(report: PlanReport, path: Path) -> None:
    """Latency of a core over its streams, and refused callers over machines, as a picture.

    Raises:
        InputError: it cannot be written.
    """
    from ..report.figures import COLOURS, new_figure

    figure = new_figure(9.0, 3.2)
    core, fleet = figure.subplots(1, 2)
    streams = [p.streams for p in report.points]
    core.plot(streams, [p.p50_ms for p in report.points], "o-", color=COLOURS[2], label="p50")
    core.plot(streams, [p.p99_ms for p in report.points], "o-", color=COLOURS[0], label="p99")
    core.axhline(HOP_MS, color="black", linewidth=1, label="a hop")
    core.axvline(report.streams_a_core, color=COLOURS[1], linewidth=1, linestyle=":", label="planned")
    core.set(xlabel="streams on a core", ylabel="ms", yscale="log", title="one core")
    machines = [p.machines for p in report.fleet]
    fleet.plot(machines, [p.refused_percent for p in report.fleet], "o-", color=COLOURS[2], label="before")
    fleet.plot(
        machines, [p.refused_after_percent for p in report.fleet], "o-", color=COLOURS[0], label="after"
    )
    fleet.set(xlabel="machines", ylabel="refused tries, %", title=f"{report.target} streams, a machine dies")
    for axis in (core, fleet):
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise InputError(f"the plot cannot be written to '{path}' ({error}): name a .png or .svg") from error

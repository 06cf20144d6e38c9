"""A corpus cleaned by one process, by several, and by actors of Ray; and what that means for many nodes.

Processor time is that of the work alone, which other programs on the machine hardly change. A cluster of
many nodes is computed from what was measured: the least of what its workers clean and its driver hands out.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np
import soundfile

from ...core.crew import Crew, Make, ProcessCrew, work_through
from ...stream.corpus.cleaner import Cleaner, Job
from ...stream.corpus.settings import Settings
from ...stream.corpus.trees import Tree
from ...stream.runtimes import chosen_runtime
from ..machine import Machine, fingerprint
from ..output import format_table
from .measurements import LEVEL

RATE = 16_000
#: Cores of each node of the clusters that are computed, and their numbers.
NODE_CORES, NODES = 32, (1, 10, 100)
#: Lengths of the recordings in those clusters, in seconds.
LENGTHS_S = (10.0, 600.0)
#: Calls that time what a worker costs the driver.
_CALLS = 2_000


@dataclass(frozen=True)
class Way:
    """A way to clean the files.

    Attributes:
        name: of the workers.
        workers: how many; 0: the process itself.
        start_s: until the first file was done.
        files_per_s: of those after the first one.
        times_alone: that, by what the process itself did in the same round; the median over rounds, as are
            the others.
    """

    name: str
    workers: int
    start_s: float
    files_per_s: float
    times_alone: float = 1.0


@dataclass(frozen=True)
class Driver:
    """What handing out jobs costs the driver.

    Attributes:
        name: of the workers.
        at_once: jobs handed to a worker together.
        job_s: seconds for each job, with a worker that does nothing.
    """

    name: str
    at_once: int
    job_s: float


@dataclass(frozen=True)
class CorpusReport:
    """A corpus by several ways.

    Attributes:
        machine: what it ran on.
        model, runtime: that cleaned.
        files, seconds: how many files, and the length of each.
        rounds: in each of which every way cleaned them, one after the other.
        file_cpu_s, second_cpu_s: processor time of a file of no length, and of each second in it.
        ways: what was measured.
        drivers: what handing out costs.
    """

    machine: Machine
    model: str
    runtime: str
    files: int
    seconds: float
    rounds: int
    file_cpu_s: float
    second_cpu_s: float
    ways: Sequence[Way]
    drivers: Sequence[Driver]

    def text(self) -> str:
        """Tables of what was measured, and of what follows for clusters."""
        ways = [
            [
                way.name,
                str(way.workers),
                f"{way.start_s:.1f}",
                f"{way.files_per_s:.2f}",
                f"{way.times_alone:.2f}",
            ]
            for way in self.ways
        ]
        drivers = [
            [one.name, str(one.at_once), f"{1e6 * one.job_s:.0f}", f"{1 / one.job_s:.0f}"]
            for one in self.drivers
        ]
        cost = (
            f"processor time: {1e3 * self.file_cpu_s:.1f} ms for each file "
            f"and {1e3 * self.second_cpu_s:.1f} ms for each second of it"
        )
        blocks = [
            self.machine.describe(),
            f"{self.model} on {self.runtime}: {self.files} files of {self.seconds:g} s, "
            f"median of {self.rounds} rounds\n{cost}",
            format_table(["workers", "how many", "first file\ns", "then\nfiles/s", "times\nalone"], ways),
            format_table(["driver", "jobs\na call", "a job\nus", "jobs/s\nat most"], drivers),
        ]
        if any(one.name == "ray" for one in self.drivers):
            blocks.append(self._computed())
        else:
            blocks.append("Ray and clusters: not measured (extra 'ray')")
        return "\n\n".join(blocks)

    def _computed(self) -> str:
        """Clusters, by the workers' processor time and the driver's calls."""
        job_s = min(one.job_s for one in self.drivers if one.name == "ray")
        rows = []
        for nodes in NODES:
            for length_s in LENGTHS_S:
                file_s = self.file_cpu_s + length_s * self.second_cpu_s
                by_workers, by_driver = nodes * NODE_CORES / file_s, 1 / job_s
                rate = min(by_workers, by_driver)
                rows.append(
                    [
                        str(nodes),
                        f"{length_s:g}",
                        f"{by_workers:.0f}",
                        f"{by_driver:.0f}",
                        f"{rate * length_s / 3600:.1f}",
                        f"{rate * length_s * 2 * RATE * 2 / 1e6 / nodes:.0f}",
                        "driver" if by_driver < by_workers else "workers",
                    ]
                )
        heads = ["nodes", "file\ns", "workers\nfiles/s", "driver\nfiles/s", "hours of sound\na second"]
        table = format_table([*heads, "in and out\nMB/s a node", "limit"], rows)
        return f"computed, not measured: nodes of {NODE_CORES} cores like this one\n{table}"


def measure_corpus(
    model: str,
    files: int,
    seconds: float,
    workers: Sequence[int],
    rounds: int,
    tell: Callable[[str], None],
) -> CorpusReport:
    """Clean the same files by each way, round after round: what else a machine does slows all ways alike.

    Args:
        model: as for `Enhancer`.
        files: how many, at least 2.
        seconds: length of each.
        workers: numbers of processes, and of actors where Ray is installed.
        rounds: how often each way cleans them.
        tell: watches it go on.

    Raises:
        InputError: no such model, or one that cannot run here.
    """
    runtime = chosen_runtime(model)
    crews: dict[str, Callable[[int, Make], Crew]] = {"processes": ProcessCrew}
    if find_spec("ray") is not None:
        crews["ray"] = _actors
    seen: list[list[Way]] = []
    with tempfile.TemporaryDirectory(prefix="lipstream-bench-") as folder:
        settings = Settings(Tree(f"{folder}/src"), Tree(f"{folder}/dst"), model, runtime)
        jobs = list(_made(Path(folder, "src"), files, seconds))
        cleaner = Cleaner(settings)
        _, short_cpu_s = _alone(cleaner, list(_made(Path(folder, "src"), files, 1.0, "short")))
        cpu_s = 0.0
        for number in range(rounds):
            tell(f"round {number + 1} of {rounds}: this process")
            alone, round_cpu_s = _alone(cleaner, jobs)
            cpu_s += round_cpu_s / rounds
            seen.append([alone])
            for name, crew in crews.items():
                for count in workers:
                    tell(f"round {number + 1} of {rounds}: {name}, {count}")
                    seen[-1].append(_timed(name, partial(Cleaner, settings), jobs, count, crew))
        tell("what handing out costs")
        drivers = [_driver(name, at_once, crew) for name, crew in crews.items() for at_once in (1, 16)]
    second_cpu_s = (cpu_s - short_cpu_s) / (seconds - 1.0)
    return CorpusReport(
        fingerprint(),
        model,
        runtime,
        files,
        seconds,
        rounds,
        max(short_cpu_s - second_cpu_s, 0.0),
        second_cpu_s,
        [_median(way, [each[0] for each in seen]) for way in zip(*seen, strict=True)],
        drivers,
    )


def _median(way: Sequence[Way], alone: Sequence[Way]) -> Way:
    """A way over all rounds, and beside what the process itself did in each."""
    return Way(
        way[0].name,
        way[0].workers,
        median(each.start_s for each in way),
        median(each.files_per_s for each in way),
        median(each.files_per_s / one.files_per_s for each, one in zip(way, alone, strict=True)),
    )


def _made(folder: Path, files: int, seconds: float, prefix: str = "file") -> Iterator[Job]:
    """Noise as 16-bit WAV."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(files):
        path = folder / f"{prefix}-{number:05}.wav"
        soundfile.write(path, LEVEL * rng.standard_normal(round(seconds * RATE)), RATE)
        yield Job(path.name, path.stat().st_size, "")


def _alone(cleaner: Cleaner, jobs: Sequence[Job]) -> tuple[Way, float]:
    """In this process, which has the model; and the processor time of a file."""
    cleaner(jobs[0])
    started, cpu = time.monotonic(), time.process_time()
    for job in jobs:
        cleaner(job)
    cpu_s = (time.process_time() - cpu) / len(jobs)
    return Way("this process", 0, 0.0, len(jobs) / (time.monotonic() - started)), cpu_s


def _timed(
    name: str, make: Make, jobs: Sequence[Job], workers: int, crew_of: Callable[[int, Make], Crew]
) -> Way:
    started = time.monotonic()
    crew = crew_of(workers, make)
    try:
        times = [time.monotonic() for row in work_through(jobs, crew, _no_row) if row is not None]
    finally:
        crew.close()
    return Way(name, workers, times[0] - started, (len(times) - 1) / (times[-1] - times[0]))


def _driver(name: str, at_once: int, crew_of: Callable[[int, Make], Crew]) -> Driver:
    """Time jobs that are nothing, by one worker."""
    crew = crew_of(1, _idle)
    try:
        results = work_through(range(_CALLS), crew, _no_row, at_once)
        next(row for row in results if row is not None)
        started = time.monotonic()
        count = sum(row is not None for row in results)
    finally:
        crew.close()
    return Driver(name, at_once, (time.monotonic() - started) / count)


def _idle() -> Callable[[int], int]:
    return abs


def _no_row(job: object, reason: str) -> object:
    raise RuntimeError(f"a worker died while it was timed: {reason}")


def _actors(workers: int, make: Make) -> Crew:
    from ...stream.corpus.on_ray import RayCrew

    # Ray lets its workers wait behind everything else, which the other ways here do not.
    os.environ.setdefault("RAY_worker_niceness", "0")
    return RayCrew("local", workers, make)

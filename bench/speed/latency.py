"""Time of each hop and video frame of presets on runtimes, with numbers of threads; the start of each."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ...core.processes import in_fresh_process
from ...models.store.registry import has_weights
from ..machine import ONCE_NOISE_PERCENT, Machine, fingerprint
from ..output import format_count, format_table
from .candidates import THREADED, load_candidate, prepare_graphs
from .measurements import Measurement, RuntimeTimes, StepTimes, measure_runtime

#: Headings of `_step_cells`.
STEP_HEADERS = (
    *("ms", "steps", "deadline", "p50", "p95", "p99", "max", "jitter", "std"),
    *("missed", "p50 %", "p99 %", "RTF"),
)
UNKNOWN = "-"


@dataclass(frozen=True)
class LatencyReport:
    """Times of hops; what a model costs beside its time stands in `lipstream.bench.speed.cost`.

    Attributes:
        machine: what it ran on.
        runtimes: each preset on each runtime with each number of threads, in a process of its own.
        untrained: models without weights, timed with random ones.
    """

    machine: Machine
    runtimes: Sequence[RuntimeTimes]
    untrained: Sequence[str] = ()

    def text(self) -> str:
        """The machine, a table of steps and one of runtimes."""
        note = f"\nrandom weights: {', '.join(self.untrained)}" if self.untrained else ""
        return f"{self.machine.describe()}{note}\n\n{self._steps()}\n\n{self._starts()}"

    def measurements(self) -> Iterator[Measurement]:
        """The times of hops and video frames, the first output, the memory of loading, the state."""
        for entry in self.runtimes:
            name = f"latency.{entry.model}.{entry.runtime}.{entry.threads}"
            for kind, step in (("hop", entry.hop), ("video_frame", entry.video_frame)):
                yield Measurement(f"{name}.{kind}.p50", step.p50_ms, "ms", step.p50_noise_percent)
                yield Measurement(f"{name}.{kind}.p99", step.p99_ms, "ms", step.p99_noise_percent)
            yield Measurement(f"{name}.first_output", entry.first_output_ms, "ms", ONCE_NOISE_PERCENT)
            if entry.loading_mib is not None:
                yield Measurement(f"{name}.loading", entry.loading_mib, "MiB", ONCE_NOISE_PERCENT)
            yield Measurement(f"{name}.state", entry.state_bytes, "B")

    def _steps(self) -> str:
        rows = [
            [f"{entry.title}, {name}", *_step_cells(step)]
            for entry in self.runtimes
            for name, step in (("hop", entry.hop), ("video frame", entry.video_frame))
        ]
        return format_table(STEP_HEADERS, rows)

    def _starts(self) -> str:
        headers = ["", "latency\nms", "first output\nms", "\nRTF", "\nstate", "loading\nMiB", "running\nMiB"]
        rows = [
            [
                entry.title,
                f"{entry.latency_ms:.1f}",
                f"{entry.first_output_ms:.0f}",
                f"{entry.hop.rtf:.4f}",
                f"{format_count(entry.state_bytes)}B",
                _mib(entry.loading_mib),
                _mib(entry.running_mib),
            ]
            for entry in self.runtimes
        ]
        return format_table(headers, rows)


def measure_latency(
    models: Sequence[str], runtimes: Sequence[str], hops: int, threads: Sequence[int] = (1,)
) -> LatencyReport:
    """Time the hops of presets on runtimes, each in a process of its own.

    A first process loads each one and ends, so that what is compiled and read from disk once is there: the
    time to the first output and the memory are those of every later start.

    Args:
        models: names of presets.
        runtimes: names of runtimes.
        hops: hops to time on each, after the warm-up.
        threads: numbers of threads; a runtime that always has one is timed once.

    Raises:
        InputError: unknown model or runtime, or one that cannot run here.
    """
    machine = fingerprint()
    untrained = [model for model in models if not has_weights(model)]
    times = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for model in models:
            for runtime in runtimes:
                prepare_graphs(model, runtime, folder)
                in_fresh_process(_load_once, model, runtime, folder)
                for count in threads if runtime in THREADED else (1,):
                    times.append(
                        in_fresh_process(time_candidate, model, runtime, count, hops, folder, threads=count)
                    )
    return LatencyReport(machine, times, untrained)


def time_candidate(model: str, runtime: str, threads: int, hops: int, folder: Path) -> RuntimeTimes:
    """Load and time one candidate in this process, whose libraries were given so many threads.

    Raises:
        InputError: as `load_candidate`.
    """
    times = measure_runtime(partial(load_candidate, model, runtime, folder), runtime, hops)
    return replace(times, threads=threads)


def _load_once(model: str, runtime: str, folder: Path) -> None:
    load_candidate(model, runtime, folder)


def _step_cells(step: StepTimes) -> list[str]:
    times = (step.p50_ms, step.p95_ms, step.p99_ms, step.max_ms, step.jitter_ms, step.std_ms)
    return [
        str(step.count),
        f"{step.deadline_ms:.2f}",
        *(f"{value:.3f}" for value in times),
        str(step.misses),
        f"{step.p50_percent:.1f}",
        f"{step.p99_percent:.1f}",
        f"{step.rtf:.4f}",
    ]


def _mib(gain: float | None) -> str:
    return UNKNOWN if gain is None else f"{gain:.1f}"

"""Presets on runtimes with numbers of threads, their offline forms beside them, and their sizes."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.processes import in_fresh_process
from ...models.config import preset
from ...models.store.registry import is_shipped
from ..output import format_count, format_table
from .candidates import THREADED, has_torch, load_candidate, prepare_graphs, set_torch_threads
from .machine import Machine, fingerprint
from .measurements import Measurement, RuntimeTimes, StepTimes, measure_runtime

if TYPE_CHECKING:
    from .complexity import Complexity
    from .offline import OfflineTimes

#: Headings of `_step_cells` and of `_size_cells`.
STEP_HEADERS = (
    *("ms", "steps", "deadline", "p50", "p95", "p99", "max", "jitter", "std"),
    *("missed", "p50 %", "p99 %", "RTF"),
)
SIZE_HEADERS = ("\nparameters", "of them\nvisual", "\nMAC/s", "of them\nproducts", "visual\nMAC/s")
UNKNOWN = "-"

#: What is measured once may differ by so much in the next run: the start of a process, its memory.
ONCE_NOISE_PERCENT = 20.0


@dataclass(frozen=True)
class LatencyReport:
    """Times of hops, and the size of the models; without torch only the runtimes.

    Attributes:
        machine: what it ran on.
        runtimes: each preset on each runtime with each number of threads, in a process of its own.
        offline: the offline form of each preset, with the first number of threads.
        streaming_size, offline_size: sizes by preset.
        untrained: presets that ship without weights, timed with random ones.
    """

    machine: Machine
    runtimes: Sequence[RuntimeTimes]
    offline: Sequence["OfflineTimes"]
    streaming_size: Mapping[str, "Complexity"]
    offline_size: Mapping[str, "Complexity"]
    untrained: Sequence[str] = ()

    def text(self) -> str:
        """The machine, a table of steps and a table of models."""
        note = f"\nrandom weights: {', '.join(self.untrained)}" if self.untrained else ""
        return f"{self.machine.describe()}{note}\n\n{self._steps()}\n\n{self._models()}"

    def measurements(self) -> Iterator[Measurement]:
        """The times of hops and video frames, the first output, the memory of loading, and sizes."""
        for entry in self.runtimes:
            name = f"latency.{entry.model}.{entry.runtime}.{entry.threads}"
            for kind, step in (("hop", entry.hop), ("video_frame", entry.video_frame)):
                yield Measurement(f"{name}.{kind}.p50", step.p50_ms, "ms", step.p50_noise_percent)
                yield Measurement(f"{name}.{kind}.p99", step.p99_ms, "ms", step.p99_noise_percent)
            yield Measurement(f"{name}.first_output", entry.first_output_ms, "ms", ONCE_NOISE_PERCENT)
            if entry.loading_mib is not None:
                yield Measurement(f"{name}.loading", entry.loading_mib, "MiB", ONCE_NOISE_PERCENT)
            yield Measurement(f"{name}.state", entry.state_bytes, "B")
        for model, size in self.streaming_size.items():
            yield Measurement(f"latency.{model}.parameters", size.parameters, "")
            yield Measurement(f"latency.{model}.macs", size.macs_per_second, "MAC/s")

    def _steps(self) -> str:
        rows = [
            [f"{entry.title}, {name}", *_step_cells(step)]
            for entry in self.runtimes
            for name, step in (("hop", entry.hop), ("video frame", entry.video_frame))
        ]
        return format_table(STEP_HEADERS, rows)

    def _models(self) -> str:
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
                *_size_cells(self.streaming_size.get(entry.model)),
            ]
            for entry in self.runtimes
        ]
        rows += [
            [
                f"{form.model} offline form, {form.seconds:g} s",
                f"{1e3 * form.seconds:.1f}",
                f"{form.first_output_ms:.0f}",
                f"{form.rtf:.4f}",
                *[UNKNOWN] * 3,
                *_size_cells(self.offline_size.get(form.model)),
            ]
            for form in self.offline
        ]
        return format_table([*headers, *SIZE_HEADERS], rows)


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
    untrained = [model for model in models if not is_shipped(preset(model).name)]
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
    if not has_torch():
        return LatencyReport(machine, times, [], {}, {}, untrained)
    from .complexity import offline_complexity, streaming_complexity
    from .offline import measure_offline

    set_torch_threads(threads[0])
    return LatencyReport(
        machine=machine,
        runtimes=times,
        offline=[measure_offline(model) for model in models],
        streaming_size={model: streaming_complexity(model) for model in models},
        offline_size={model: offline_complexity(model) for model in models},
        untrained=untrained,
    )


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


def _size_cells(size: "Complexity | None") -> list[str]:
    if size is None:
        return [UNKNOWN] * len(SIZE_HEADERS)
    numbers = (
        size.parameters,
        size.visual_parameters,
        size.macs_per_second,
        size.products_per_second,
        size.visual_macs_per_second,
    )
    return [format_count(number) for number in numbers]

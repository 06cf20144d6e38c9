"""What the timing commands measure and show: every runtime of a preset, and its offline form beside them."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ..stream.runtimes import RUNTIMES, load_runtime
from .latency import RuntimeTimes, measure_runtime
from .machine import Machine, fingerprint
from .report import format_count, format_table
from .rtf import FileTimes, measure_file, write_example

if TYPE_CHECKING:
    from .complexity import Complexity
    from .offline import OfflineTimes

#: The offline form holds a whole recording in memory: longer files are timed by their first seconds.
OFFLINE_MAX_S = 10.0

#: Columns of `_size_cells`.
SIZE_HEADERS = ("\nparameters", "of them\nvisual", "\nMAC/s", "of them\nproducts", "visual\nMAC/s")
UNKNOWN = "-"


@dataclass(frozen=True)
class LatencyReport:
    """Times of hops, and the size of the models; without torch only the runtimes.

    Attributes:
        machine: what it ran on.
        threads: threads of torch; ONNX Runtime always has one.
        runtimes: each preset on each runtime.
        offline: the offline form of each preset.
        streaming_size, offline_size: sizes by preset.
    """

    machine: Machine
    threads: int
    runtimes: Sequence[RuntimeTimes]
    offline: Sequence["OfflineTimes"]
    streaming_size: Mapping[str, "Complexity"]
    offline_size: Mapping[str, "Complexity"]

    def text(self) -> str:
        """The machine, a table of steps and a table of models."""
        return f"{self.machine.describe()}\n\n{self._steps()}\n\n{self._models()}"

    def _steps(self) -> str:
        headers = ["ms", "steps", "deadline", "p50", "p95", "p99", "max", "missed", "p50 %", "p99 %", "RTF"]
        rows = []
        for entry in self.runtimes:
            for name, step in (("hop", entry.hop), ("video frame", entry.video_frame)):
                rows.append(
                    [
                        f"{entry.model} {entry.runtime}, {name}",
                        str(step.count),
                        f"{step.deadline_ms:.2f}",
                        *(f"{value:.3f}" for value in (step.p50_ms, step.p95_ms, step.p99_ms, step.max_ms)),
                        str(step.misses),
                        f"{step.p50_percent:.1f}",
                        f"{step.p99_percent:.1f}",
                        f"{step.rtf:.4f}",
                    ]
                )
        return format_table(headers, rows)

    def _models(self) -> str:
        headers = ["", "latency\nms", "first output\nms", "\nRTF", "\nstate", *SIZE_HEADERS]
        rows = [
            [
                f"{entry.model} {entry.runtime}",
                f"{entry.latency_ms:.1f}",
                f"{entry.first_output_ms:.0f}",
                f"{entry.hop.rtf:.4f}",
                f"{format_count(entry.state_bytes)}B",
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
                UNKNOWN,
                *_size_cells(self.offline_size.get(form.model)),
            ]
            for form in self.offline
        ]
        return format_table(headers, rows)


@dataclass(frozen=True)
class RtfReport:
    """Whole-file real-time factors; without torch only the runtimes.

    Attributes:
        machine: what it ran on.
        threads: threads of torch; ONNX Runtime always has one.
        files: the file with each preset on each runtime.
        offline: the offline form of each preset, on as many seconds, at most `OFFLINE_MAX_S`.
    """

    machine: Machine
    threads: int
    files: Sequence[FileTimes]
    offline: Sequence["OfflineTimes"]

    def text(self) -> str:
        """The machine and a table."""
        rows = [[f"{entry.model} {entry.runtime}", *_time_cells(entry)] for entry in self.files]
        rows += [[f"{form.model} offline form", *_time_cells(form)] for form in self.offline]
        table = format_table(["", "file s", "elapsed s", "RTF", "times real time"], rows)
        return f"{self.machine.describe()}\n\n{table}"


def measure_latency(models: Sequence[str], runtimes: Sequence[str], hops: int, threads: int) -> LatencyReport:
    """Time the hops of presets on runtimes.

    Args:
        models: names of presets.
        runtimes: names of runtimes.
        hops: hops to time on each, after the warm-up.
        threads: threads of torch, for the whole process.

    Raises:
        InputError: unknown model or runtime, or weights that are not there.
    """
    _set_threads(threads)
    machine = fingerprint()
    times = [
        measure_runtime(partial(load_runtime, model, runtime), runtime, hops)
        for model in models
        for runtime in runtimes
    ]
    if not _has_torch():
        return LatencyReport(machine, threads, times, [], {}, {})
    from .complexity import offline_complexity, streaming_complexity
    from .offline import measure_offline

    return LatencyReport(
        machine=machine,
        threads=threads,
        runtimes=times,
        offline=[measure_offline(model) for model in models],
        streaming_size={model: streaming_complexity(model) for model in models},
        offline_size={model: offline_complexity(model) for model in models},
    )


def measure_rtf(
    models: Sequence[str], runtimes: Sequence[str], source: Path | None, seconds: float, threads: int
) -> RtfReport:
    """Time whole files.

    Args:
        models: names of presets.
        runtimes: names of runtimes.
        source: an audio file, or None for a made one.
        seconds: length of the made one.
        threads: threads of torch, for the whole process.

    Raises:
        InputError: unknown model or runtime, weights that are not there, a file that cannot be read.
    """
    _set_threads(threads)
    machine = fingerprint()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if source is None:
            source = folder / "example.wav"
            write_example(source, seconds)
        files = [measure_file(source, folder, model, runtime) for model in models for runtime in runtimes]
    if not _has_torch():
        return RtfReport(machine, threads, files, [])
    from .offline import measure_offline

    offline_s = min(files[0].seconds, OFFLINE_MAX_S)
    return RtfReport(machine, threads, files, [measure_offline(model, offline_s) for model in models])


def available_runtimes() -> list[str]:
    """The runtimes whose packages, or whose compiler, are installed."""
    can = {
        "onnx": True,
        "eager": _has_torch(),
        "native": any(map(shutil.which, ("c++", "g++", "clang++"))),
    }
    return [name for name in RUNTIMES if can[name]]


def _has_torch() -> bool:
    return find_spec("torch") is not None


def _set_threads(threads: int) -> None:
    if _has_torch():
        import torch

        torch.set_num_threads(threads)


def _time_cells(times: "FileTimes | OfflineTimes") -> list[str]:
    return [f"{times.seconds:.1f}", f"{times.elapsed_s:.2f}", f"{times.rtf:.4f}", f"{1 / times.rtf:.1f}"]


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

"""Whole-file real-time factor: the time to enhance a file with `enhance_file`, over its duration."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from ...stream.files import enhance_file
from ..output import format_table
from .candidates import has_torch, set_torch_threads
from .machine import Machine, fingerprint

if TYPE_CHECKING:
    from .offline import OfflineTimes

SAMPLE_RATE = 16000

#: The offline form holds a whole recording in memory: longer files are timed by their first seconds.
OFFLINE_MAX_S = 10.0


@dataclass(frozen=True)
class FileTimes:
    """One file on one runtime; loading the model does not count, reading and writing the file do.

    Attributes:
        model, runtime: their names.
        seconds: length of the file.
        elapsed_s: time to enhance it.
        rtf: real-time factor, ``elapsed_s / seconds``.
    """

    model: str
    runtime: str
    seconds: float
    elapsed_s: float
    rtf: float


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
    set_torch_threads(threads)
    machine = fingerprint()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if source is None:
            source = folder / "example.wav"
            write_example(source, seconds)
        files = [measure_file(source, folder, model, runtime) for model in models for runtime in runtimes]
    if not has_torch():
        return RtfReport(machine, threads, files, [])
    from .offline import measure_offline

    offline_s = min(files[0].seconds, OFFLINE_MAX_S)
    return RtfReport(machine, threads, files, [measure_offline(model, offline_s) for model in models])


def measure_file(source: Path, folder: Path, model: str, runtime: str) -> FileTimes:
    """Enhance a file into a folder and time it.

    Raises:
        InputError: as `enhance_file`.
    """
    report = enhance_file(source, folder / f"{model}.{runtime}.wav", model=model, runtime=runtime)
    return FileTimes(model, runtime, report.duration_s, report.elapsed_s, report.rtf)


def write_example(path: Path, seconds: float) -> None:
    """Write a 16 kHz file to time: noise that comes and goes like speech."""
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    syllables = np.clip(np.sin(2 * np.pi * 2.5 * time_s), 0.02, None)
    soundfile.write(
        path, 0.05 * syllables * np.random.default_rng(0).standard_normal(time_s.size), SAMPLE_RATE
    )


def _time_cells(times: "FileTimes | OfflineTimes") -> list[str]:
    return [f"{times.seconds:.1f}", f"{times.elapsed_s:.2f}", f"{times.rtf:.4f}", f"{1 / times.rtf:.1f}"]

"""Whole-file real-time factor: the time to enhance a file with `enhance_file`, over its duration."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from ..stream.files import enhance_file

SAMPLE_RATE = 16000


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

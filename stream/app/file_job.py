"""One file through a model, for a page: what went in and came out, and what the lips did."""

import math
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.arrays import Float32
from ...errors import InputError
from ..audio_files import open_audio
from ..controls import NO_LIMIT_DB
from ..files import FileReport, enhance_file
from ..video.files import read_frames
from .pictures import Moment

#: The longest recording that is taken, in seconds, and the largest file, in bytes.
MAX_S, MAX_BYTES = 600.0, 200 * 2**20
#: Length of the blocks that are enhanced, and so of the steps of the timeline.
BLOCK_MS = 100.0
_WAVE_BLOCK = 65_536
#: How the folders of outputs begin.
_OUTPUT = "clean-"

#: Called with the seconds done and the seconds there are.
Progress = Callable[[float, float], None]


@dataclass(frozen=True)
class Cleaned:
    """What became of a file.

    Attributes:
        report: of `enhance_file`.
        rate: of the waves in Hz.
        before, after: float32 ``[n]``, the mean of the channels.
        moments: what the lips did; alpha is 0 where they were not looked at.
        output: the file, beside nothing else in a folder of its own.
    """

    report: FileReport
    rate: int
    before: Float32
    after: Float32
    moments: tuple[Moment, ...]
    output: Path


def limit_of_strength(percent: float) -> float:
    """The attenuation limit in dB that leaves ``100 - percent`` % of the input in the output."""
    dry = 1.0 - percent / 100.0
    return NO_LIMIT_DB if dry <= 0.0 else min(NO_LIMIT_DB, max(0.0, -20.0 * math.log10(dry)))


def choose_inputs(paths: Sequence[Path]) -> tuple[Path, Path | None]:
    """The file to clean and the video to look at, of one or two that were dropped.

    Of two, the one without pictures is cleaned; of one, its own pictures are looked at, where it has any.

    Raises:
        InputError: none, too many, too large, or two of which neither or both have pictures.
    """
    if not 1 <= len(paths) <= 2:
        raise InputError(f"give one file, or a recording and its video: {len(paths)} files were given")
    for path in paths:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(
                f"{path.name} is larger than {MAX_BYTES >> 20} MB: cut it, or run 'lipstream enhance'"
            )
    seen = [path for path in paths if _has_pictures(path)]
    if len(paths) == 1:
        return paths[0], seen[0] if seen else None
    if len(seen) != 1:
        raise InputError("of two files one must be a video and one a recording of its sound")
    heard = next(path for path in paths if path not in seen)
    return heard, seen[0]


def clean_file(
    paths: Sequence[Path], folder: Path, model: str, strength: float, lips: bool, progress: Progress
) -> Cleaned:
    """Enhance what was dropped.

    Args:
        paths: see `choose_inputs`.
        folder: where a folder for the output is made.
        model: name of a preset.
        strength: in percent, see `limit_of_strength`.
        lips: whether to look at the video, where there is one.
        progress: called after each block.

    Raises:
        InputError: files that cannot be read or are too long, or a bad option.
    """
    source, video = choose_inputs(paths)
    with open_audio(source) as reader:
        if reader.layout.duration_s > MAX_S:
            raise InputError(f"{source.name} is longer than {MAX_S / 60:g} minutes: run 'lipstream enhance'")
    output = Path(tempfile.mkdtemp(prefix=_OUTPUT, dir=folder)) / f"{source.stem}.clean{source.suffix}"
    moments: list[Moment] = []
    report = enhance_file(
        source,
        output,
        video=video if lips else None,
        model=model,
        atten_limit_db=limit_of_strength(strength),
        chunk_ms=BLOCK_MS,
        progress=progress,
        watch=lambda *seen: moments.append(Moment(*seen)),
    )
    rate, before = _mono(source)
    return Cleaned(report, rate, before, _mono(output)[1], tuple(moments), output)


def remove_outputs(folder: Path, age_s: float) -> None:
    """Remove the outputs of `clean_file` in a folder that are older."""
    for output in folder.glob(f"{_OUTPUT}*"):
        if time.time() - output.stat().st_mtime > age_s:
            shutil.rmtree(output, ignore_errors=True)


def _has_pictures(path: Path) -> bool:
    try:
        read_frames(path).close()
    except InputError:  # none, or none that can be read
        return False
    return True


def _mono(path: Path) -> tuple[int, Float32]:
    with open_audio(path) as reader:
        blocks = [block.mean(axis=1) for block in reader.blocks(_WAVE_BLOCK)]
        return reader.layout.sample_rate, np.concatenate(blocks).astype(np.float32)

"""Talking-face clips: lip crops and sound, extracted once.

Layout of the folder: ``train/av.csv`` with columns file, source, speaker; each file a video with its sound.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .corpus import SAMPLE_RATE, Float32

UInt8 = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class FaceClip:
    """One clip: crops uint8 ``[N, 96, 96, 3]``, their times, whether a face was found, sound at 16 kHz."""

    speaker: str
    crops: UInt8
    times_s: npt.NDArray[np.float64]
    found: npt.NDArray[np.bool_]
    sound: Float32


def _read_sound(path: Path) -> Float32:
    """The sound of a video file, mono at 16 kHz, from the start of its own time."""
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    with av.open(str(path)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)


def _extract(path: Path, cached: Path) -> None:
    from ..stream.video.files import read_lips

    frames = list(read_lips(path))
    blank = np.zeros((96, 96, 3), np.uint8)
    partial = cached.with_suffix(".part.npz")
    np.savez(
        partial,
        crops=np.stack([blank if frame.crop is None else frame.crop for frame in frames]),
        times_s=np.array([frame.time_s for frame in frames]),
        found=np.array([frame.crop is not None for frame in frames]),
        sound=_read_sound(path),
    )
    partial.replace(cached)


def read_face_clips(folder: Path, cache: Path) -> tuple[FaceClip, ...]:
    """Read the clips of a data folder; crops and sound are kept in ``cache`` (about 2 s a clip at first).

    Raises:
        InputError: the table is missing, or a clip cannot be read.
    """
    table = folder / "train" / "av.csv"
    if not table.is_file():
        raise InputError(f"{table} is missing: training with video needs talking-face clips listed there")
    cache.mkdir(parents=True, exist_ok=True)
    clips = []
    with table.open(newline="") as handle:
        for row in csv.DictReader(handle):
            path = folder / row["file"]
            cached = cache / f"{path.stem}.npz"
            if not cached.exists():
                _extract(path, cached)
            with np.load(cached) as stored:
                clips.append(
                    FaceClip(
                        row["speaker"], stored["crops"], stored["times_s"], stored["found"], stored["sound"]
                    )
                )
    return tuple(clips)

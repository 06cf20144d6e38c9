"""Talking-face clips: lip crops and sound, extracted once.

Layout of the folder: ``train/av.csv`` with columns file, source, speaker; each file a video with its sound.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .corpus import SAMPLE_RATE, Float32, cached, read_table

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
    try:
        with av.open(str(path)) as container:
            decoded = container.decode(audio=0) if container.streams.audio else ()
            frames = [out for frame in decoded for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    except av.FFmpegError as error:
        raise InputError(f"the sound of {path} cannot be read ({error.strerror})") from error
    if not frames:
        raise InputError(f"{path} has no sound: training with video needs speakers who are heard")
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)


def _extract(path: Path, file: Path) -> None:
    from ..stream.video.files import read_lips

    sound = _read_sound(path)
    frames = list(read_lips(path))
    blank = np.zeros((96, 96, 3), np.uint8)
    np.savez(
        file,
        crops=np.stack([blank if frame.crop is None else frame.crop for frame in frames]),
        times_s=np.array([frame.time_s for frame in frames]),
        found=np.array([frame.crop is not None for frame in frames]),
        sound=sound,
    )


def read_face_clips(folder: Path, cache: Path) -> tuple[FaceClip, ...]:
    """Read the clips of a data folder; crops and sound are kept in ``cache`` (about 2 s a clip at first).

    Raises:
        InputError: the table or a column is missing, or a clip is missing, unreadable or without sound.
    """
    rows = read_table(folder / "train" / "av.csv", {"file", "speaker"})
    cache.mkdir(parents=True, exist_ok=True)
    clips = []
    for row in rows:
        with np.load(cached(folder / row["file"], cache, ".npz", _extract)) as stored:
            clips.append(FaceClip(speaker=row["speaker"], **stored))
    return tuple(clips)

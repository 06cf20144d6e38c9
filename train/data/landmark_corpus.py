"""Talking-face clips as face landmarks and sound, extracted once: what encoder C is trained on."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...core.arrays import Float32
from ...models.lips.points import POINTS
from .corpus import Library, faces_of
from .recordings import cached, read_sound


@dataclass(frozen=True)
class LandmarkClip:
    """One clip.

    Attributes:
        speaker: who is seen and heard.
        landmarks: float32 ``[N, 44, 3]`` in pixels, see `models.lips.points.POINTS`; zeros without a face.
        times_s: float64 ``[N]``, when each frame is shown, from the start of the sound.
        sound: float32 at 16 kHz.
        split: "train" or "valid".
    """

    speaker: str
    landmarks: Float32
    times_s: npt.NDArray[np.float64]
    sound: Float32
    split: str = "train"


def extract_landmarks(path: Path, cache: Path) -> Path:
    """Landmarks and sound of a film, from ``cache`` or else into it (about 1.5 s for 3 s of film, 240 kB).

    The film is read and its face found as `lipstream enhance --video` does.

    Raises:
        InputError: the film is missing, unreadable or without sound.
    """
    return cached(path, cache, ".landmarks.npz", _extract)


def _extract(path: Path, file: Path) -> None:
    sound = read_sound(path)
    times_s, landmarks = read_landmarks(path)
    with file.open("wb") as handle:  # a name would be given the suffix of an archive
        np.savez(handle, landmarks=landmarks, times_s=times_s, sound=sound)


def read_landmarks(path: Path) -> tuple[npt.NDArray[np.float64], Float32]:
    """The frames of a film as times ``[N]`` in seconds and landmarks float32 ``[N, 44, 3]``.

    Raises:
        InputError: the film is missing or unreadable, or the face model cannot be had.
    """
    # Here, not above: MediaPipe and OpenCV take a second to load.
    from ...stream.video.files import read_lips

    frames = list(read_lips(path))
    blank = np.zeros((len(POINTS), 3), np.float32)
    points = [blank if frame.landmarks is None else frame.landmarks for frame in frames]
    return np.array([frame.time_s for frame in frames]), np.stack(points)


def read_landmark_clips(library: Library, cache: Path, most: int = 0) -> tuple[LandmarkClip, ...]:
    """The talking faces of a library, in memory (240 kB for 3 s); landmarks and sound are kept in ``cache``.

    Args:
        library: see `read_library`.
        cache: folder.
        most: of each speaker no more than the first so many; 0 for all.

    Raises:
        InputError: there are none, or one is missing, unreadable or without sound.
    """
    faces = faces_of(library)
    cache.mkdir(parents=True, exist_ok=True)
    clips, count = [], Counter[str]()
    for manifest, item in faces:
        count[item.speaker] += 1
        if 0 < most < count[item.speaker]:
            continue
        with np.load(extract_landmarks(manifest.path(item), cache)) as stored:
            clips.append(LandmarkClip(speaker=item.speaker, split=item.split, **stored))
    return tuple(clips)

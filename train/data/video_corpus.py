"""Talking-face clips: lip crops and sound, extracted once and read when they are drawn."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ...core.arrays import Float32
from .corpus import Library, faces_of
from .recordings import cached, read_sound

UInt8 = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class FaceClip:
    """One clip: crops uint8 ``[N, 96, 96, 3]``, their times, whether a face was found, sound at 16 kHz."""

    speaker: str
    crops: UInt8
    times_s: npt.NDArray[np.float64]
    found: npt.NDArray[np.bool_]
    sound: Float32
    split: str = "train"

    def load(self) -> "FaceClip":
        """The clip itself."""
        return self


@dataclass(frozen=True)
class StoredFace:
    """A clip in the cache."""

    speaker: str
    file: Path
    split: str = "train"

    def load(self) -> FaceClip:
        """Read the clip from the cache."""
        with np.load(self.file) as stored:
            return FaceClip(speaker=self.speaker, split=self.split, **stored)


class Face(Protocol):
    """A clip in memory or in the cache."""

    @property
    def speaker(self) -> str:
        """Who is seen."""

    @property
    def split(self) -> str:
        """ "train" or "valid"."""

    def load(self) -> FaceClip:
        """Video frames and audio."""


def extract_face(path: Path, cache: Path) -> Path:
    """Lip crops and sound of a film, from ``cache`` or else into it (about 2 s for 3 s of film).

    Raises:
        InputError: the film is missing, unreadable or without sound.
    """
    return cached(path, cache, ".npz", _extract)


def _extract(path: Path, file: Path) -> None:
    from ...stream.video.files import read_lips

    sound = read_sound(path)
    frames = list(read_lips(path, lips="crops"))
    blank = np.zeros((96, 96, 3), np.uint8)
    np.savez(
        file,
        crops=np.stack([blank if frame.crop is None else frame.crop for frame in frames]),
        times_s=np.array([frame.time_s for frame in frames]),
        found=np.array([frame.crop is not None for frame in frames]),
        sound=sound,
    )


def read_face_clips(library: Library, cache: Path) -> tuple[Face, ...]:
    """The talking faces of a library; crops and sound are kept in ``cache``.

    Raises:
        InputError: there are none, or one is missing, unreadable or without sound.
    """
    faces = faces_of(library)
    cache.mkdir(parents=True, exist_ok=True)
    return tuple(
        StoredFace(item.speaker, extract_face(manifest.path(item), cache), item.split)
        for manifest, item in faces
    )

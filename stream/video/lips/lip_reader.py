"""From a camera's picture to the speaker's encoded lips, one picture after the other."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from types import TracebackType
from typing import Self

from ....core.arrays import Float32, UInt8
from ..camera.landmark_schedule import LookPace, Picture, PictureWatch
from .crop import LipCropper
from .faces import ChosenFace, FaceChooser, FaceFinder


class Sight(Enum):
    """What a picture without usable lips shows."""

    NO_FACE = auto()
    NO_MOUTH = auto()  # a face too far away, or its mouth outside of the picture
    BLACK = auto()
    REPEATED = auto()
    FROZEN = auto()


@dataclass(frozen=True)
class Lips:
    """A crop, uint8 ``[96, 96, 3]`` RGB, and its embedding, float32 ``[512]``."""

    crop: UInt8
    embedding: Float32


_UNUSABLE = {
    Picture.BLACK: Sight.BLACK,
    Picture.REPEATED: Sight.REPEATED,
    Picture.FROZEN: Sight.FROZEN,
}


class LipReader:
    """Reads the lips of one camera; a context manager, for one thread.

    Landmarks are most of the work, so while one calm face is there only every other picture is searched for
    them. The lips are cut out of each picture, where they are to be expected.

    Args:
        encode: turns a crop into its embedding; called once for each, in order.
        face_model: as in `FaceLandmarks`, which also says what is raised.
        frozen_after_s: as in `PictureWatch`.
    """

    def __init__(
        self, encode: Callable[[UInt8], Float32], face_model: str | Path | None, frozen_after_s: float
    ) -> None:
        self._encode = encode
        self._finder = FaceFinder(face_model)
        self._watch = PictureWatch(frozen_after_s)
        self._chooser = FaceChooser()
        self._pace = LookPace()
        self._cropper = LipCropper()
        self._track: int | None = None

    def read(self, rgb: UInt8, captured_s: float) -> Sight | Lips:
        """The lips in the next picture, or what it shows instead.

        Args:
            rgb: uint8 ``[height, width, 3]``.
            captured_s: when it was captured, in seconds >= 0; rises from picture to picture.
        """
        picture = self._watch.look(rgb, captured_s)
        if picture is not Picture.NEW:
            return _UNUSABLE[picture]
        if not self._pace.due(captured_s):
            crop = self._cropper.carry_on(rgb, captured_s)
        else:
            faces = self._finder.detect(rgb, captured_s)
            face = self._chooser.update(faces, captured_s)
            if face is None:
                self._pace.looked(None, captured_s)
                return Sight.NO_FACE
            crop = self._crop(rgb, face, captured_s)
            followed = crop is not None and len(faces) == 1
            self._pace.looked(face.landmarks if followed else None, captured_s)
        return Sight.NO_MOUTH if crop is None else Lips(crop, self._encode(crop))

    def _crop(self, rgb: UInt8, face: ChosenFace, captured_s: float) -> UInt8 | None:
        """The lips of a face that was looked for in this picture."""
        if face.track != self._track:  # else the crop would glide from the one face to the other
            self._cropper.reset()
            self._track = face.track
        return self._cropper.update(rgb, face.landmarks, captured_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finder.close()

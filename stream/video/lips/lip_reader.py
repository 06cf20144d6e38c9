"""From a picture to the speaker's lips, frame after frame: of a camera, a video file or a program's own."""

from __future__ import annotations  # so that help() names the types, in place of spelling them out

import math
from pathlib import Path
from typing import Any, Self

import numpy as np

from ....core.arrays import UInt8
from ....errors import InputError
from ....models.lips.points import FORGET_S, POINTS, TICK_S
from ...runtimes.base import LipsKind
from ..frames import LipFrame, Sight, VideoFrame
from .crop import LipCropper, mouth_placement
from .faces import Agreement, ChosenFace, FaceChooser
from .finder import FaceFinder

#: The landmarks of another face come so long after the last ones: by then the encoder has forgotten those.
_APART_S = FORGET_S + TICK_S


class LipReader:
    """Finds the speaker's lips in pictures, for `Enhancer.process`; a context manager, for one thread::

        enhancer = lipstream.Enhancer("lite", sample_rate=48_000)
        with lipstream.LipReader() as reader:
            for chunk, picture, time_s in capture():  # your own
                frame = reader(picture, time_s)
                clean = enhancer.process(chunk, [frame] if frame else None)

    It follows one face from picture to picture, so each video needs a reader of its own. Where several faces
    are seen, it takes the one whose mouth moves, and goes with the sound where that is known; a photograph
    only as long as nobody else speaks. Where it takes another one, a second passes without lips, after which
    the model takes it for a new face. Needs the extra ``video``.

    Args:
        lips: what the model sees, as `Enhancer.lips` says: "landmarks" or "crops".
        face_model: path of MediaPipe's ``face_landmarker.task``; None finds or fetches it.
        agreement: how well a mouth goes with the sound, as `lipstream.stream.lag.av_lag.HeardSound.agreement`
            tells of the sound that it hears; None: faces are chosen by their movement alone.

    Raises:
        InputError: another kind of lips, the extra is not installed, or the face model cannot be had.
    """

    def __init__(
        self,
        lips: LipsKind = "landmarks",
        face_model: str | Path | None = None,
        agreement: Agreement | None = None,
    ) -> None:
        if lips not in ("landmarks", "crops"):
            raise InputError(f"lips must be 'landmarks' or 'crops', as Enhancer.lips says, not {lips!r}")
        self._finder = FaceFinder(face_model)
        self._chooser = FaceChooser(agreement)
        self._cropper = LipCropper() if lips == "crops" else None
        self._track: int | None = None  # of the last lips
        self._lips_s = -math.inf
        self._count = 0
        self._latest_s = -math.inf

    def read(self, picture: UInt8, time_s: float, rgb: bool = False) -> LipFrame | None:
        """The lips in the next picture.

        Args:
            picture: uint8 ``[height, width, 3]`` of any size, BGR as OpenCV gives it.
            time_s: when it was captured, in seconds of the sound that the enhancer gets: of input since the
                start or the last reset. It does not go back.
            rgb: whether the picture is RGB.

        Returns:
            The lips with their time, to be handed to `Enhancer.process`; None without a usable face.

        Raises:
            InputError: no such picture, or a time that is not finite or goes back.
        """
        _check_picture(picture)
        if not (math.isfinite(time_s) and time_s >= self._latest_s):
            raise InputError(
                f"pictures must come in order of time, in seconds: {time_s} came after {self._latest_s:.3f}"
            )
        self._latest_s = time_s
        seen = self.look(VideoFrame(time_s, picture if rgb else picture[:, :, ::-1]))
        return seen if isinstance(seen, LipFrame) else None

    __call__ = read

    def look(self, frame: VideoFrame) -> LipFrame | Sight:
        """The lips in the next video frame, or what it shows instead; its time does not go back."""
        face = self._chooser.update(self._finder.detect(frame), frame.time_s)
        if face is None:
            return Sight.NO_FACE
        lips = self._landmarks(frame, face) if self._cropper is None else self._crop(frame, face)
        return lips or Sight.NO_MOUTH

    def close(self) -> None:
        """Free MediaPipe's graphs; nothing can be read any more."""
        self._finder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _landmarks(self, frame: VideoFrame, face: ChosenFace) -> LipFrame | None:
        if mouth_placement(frame.rgb, face.landmarks) is None:
            return None
        if face.track != self._track and frame.time_s - self._lips_s <= _APART_S:
            return None  # else its shape would count as a movement of the face before
        self._track, self._lips_s = face.track, frame.time_s
        self._count += 1
        return LipFrame(self._count, frame.time_s, landmarks=face.landmarks[list(POINTS)])

    def _crop(self, frame: VideoFrame, face: ChosenFace) -> LipFrame | None:
        assert self._cropper is not None
        if face.track != self._track:  # else the crop would glide from the one face to the other
            self._cropper.reset()
            self._track = face.track
        crop = self._cropper.update(frame.rgb, face.landmarks, frame.time_s)
        if crop is None:
            return None
        self._count += 1
        return LipFrame(self._count, frame.time_s, crop)


def _check_picture(picture: Any) -> None:
    is_array = isinstance(picture, np.ndarray)
    if is_array and picture.dtype == np.uint8 and picture.shape[2:] == (3,) and picture.size:
        return
    given = f"{picture.dtype} {list(picture.shape)}" if is_array else type(picture).__name__
    raise InputError(
        f"a picture must be uint8 [height, width, 3], BGR or with rgb=True RGB, not {given}: "
        "convert it, for instance with cv2.cvtColor"
    )

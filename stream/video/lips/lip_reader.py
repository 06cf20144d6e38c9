"""From a camera's video frame to the speaker's encoded lips, frame after frame."""

from collections.abc import Callable
from pathlib import Path
from typing import Self

from ....core.arrays import Float32, UInt8
from ..camera.landmark_schedule import FrameWatch, LandmarkSchedule
from ..frames import LipFrame, Sight, VideoFrame
from .crop import LipCropper
from .faces import FaceChooser, FaceFinder


class LipReader:
    """Reads the lips of one camera; a context manager, for one thread.

    Landmarks are most of the work, so while one calm face is there only every other frame is searched for
    them. The lips are cut out of each frame, where they are to be expected.

    Args:
        encode: turns a crop into its embedding; called once for each, in order.
        face_model: as in `FaceLandmarks`, which also says what is raised.
        frozen_after_s: as in `FrameWatch`.
    """

    def __init__(
        self, encode: Callable[[UInt8], Float32], face_model: str | Path | None, frozen_after_s: float
    ) -> None:
        self._encode = encode
        self._finder = FaceFinder(face_model)
        self._watch = FrameWatch(frozen_after_s)
        self._chooser = FaceChooser()
        self._schedule = LandmarkSchedule()
        self._cropper = LipCropper()
        self._track: int | None = None
        self._count = 0

    def read(self, frame: VideoFrame) -> Sight | LipFrame:
        """The encoded lips in the next frame, or what it shows instead; its time is from 0 and rises."""
        useless = self._watch.look(frame)
        if useless is not None:
            return useless
        if not self._schedule.due(frame.time_s):
            crop = self._cropper.carry_on(frame.rgb, frame.time_s)
        else:
            faces = self._finder.detect(frame)
            face = self._chooser.update(faces, frame.time_s)
            if face is None:
                self._schedule.looked(None, frame.time_s)
                return Sight.NO_FACE
            if face.track != self._track:  # else the crop would glide from the one face to the other
                self._cropper.reset()
                self._track = face.track
            crop = self._cropper.update(frame.rgb, face.landmarks, frame.time_s)
            followed = crop is not None and len(faces) == 1
            self._schedule.looked(face.landmarks if followed else None, frame.time_s)
        if crop is None:
            return Sight.NO_MOUTH
        self._count += 1
        return LipFrame(self._count, frame.time_s, crop, self._encode(crop))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._finder.close()

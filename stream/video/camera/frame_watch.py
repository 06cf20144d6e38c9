"""Which video frames are searched for a face: none that repeats or is black, fewer of a calm face."""

import numpy as np

from ....core.arrays import Float32, UInt8
from ..frames import Sight, VideoFrame
from ..lips.crop import CROP_SIZE, EYE_DISTANCE, Placement, place_crop

#: Of every so many-th pixel in each direction the green is looked at.
_STRIDE = 4
#: A video frame is black if all but this share of its pixels (hot ones, a clock) are darker, of 255.
_BRIGHT_SHARE, _BRIGHT_FROM = 0.005, 24


class FrameWatch:
    """Compares the video frames of one camera. No two frames of a sensor are equal, for its noise.

    A driver repeats frames to keep up a rate in dim light: the second one was not captured when it came,
    so it must not count as fresh. Only if nothing else comes for long, the camera is frozen.

    Args:
        frozen_after_s: for how long frames must repeat to be called frozen.
    """

    def __init__(self, frozen_after_s: float = 2.0) -> None:
        self._frozen_after_s = frozen_after_s
        self._last: UInt8 | None = None
        self._changed_s = 0.0

    def look(self, frame: VideoFrame) -> Sight | None:
        """Why the next frame, of any size, is of no use; None where it may show lips."""
        sample = frame.rgb[::_STRIDE, ::_STRIDE, 1].copy()
        repeated = self._last is not None and np.array_equal(sample, self._last)
        if not repeated:
            self._last, self._changed_s = sample, frame.time_s
        if np.count_nonzero(sample >= _BRIGHT_FROM) <= _BRIGHT_SHARE * sample.size:
            return Sight.BLACK
        if not repeated:
            return None
        return Sight.FROZEN if frame.time_s - self._changed_s >= self._frozen_after_s else Sight.REPEATED


#: The next look is due no longer after one than this, in seconds: every other frame at 25 a second.
INTERVAL_S = 0.06
#: Speed of the crop's corners, in eye distances a second, above which each frame is looked at, until the face
#: was slower for so many seconds. In each of twelve clips of the GRID corpus 95 % of looks are below 0.55.
FAST, CALM_S = 0.8, 0.3


class LandmarkSchedule:
    """Follows how fast the face moved from look to look. Causal, and at home at any frame rate."""

    def __init__(self) -> None:
        self._last: Placement | None = None
        self._looked_s = self._moved_s = 0.0

    def due(self, time_s: float) -> bool:
        """Whether to look for a face in the frame captured at this time, in seconds."""
        return (
            self._last is None
            or not 0 <= time_s - self._looked_s < INTERVAL_S
            or time_s - self._moved_s < CALM_S
        )

    def looked(self, landmarks: Float32 | None, time_s: float) -> None:
        """Note what a look found.

        Args:
            landmarks: float32 ``[478, 2]`` of the one face whose lips were read; None: there was no such.
            time_s: when the frame was captured, in seconds.
        """
        placement = None if landmarks is None else place_crop(landmarks)
        if placement is not None and (self._last is None or self._speed(placement, time_s) > FAST):
            self._moved_s = time_s
        self._last, self._looked_s = placement, time_s

    def _speed(self, new: Placement, time_s: float) -> float:
        """Of the corners of the crop since the last look, at most, in eye distances a second."""
        assert self._last is not None
        moved = abs(new.centre - self._last.centre) + abs(new.axis - self._last.axis) * CROP_SIZE / 2
        eye_distance = abs(new.axis) * EYE_DISTANCE
        return moved / eye_distance / max(time_s - self._looked_s, 1e-3)

"""Which video frames are searched for a face: none that repeats or is black."""

import numpy as np

from ....core.arrays import UInt8
from ..frames import Sight, VideoFrame

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

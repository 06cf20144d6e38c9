"""Is a camera's picture worth a look? A repeated one is no news, and a black one shows no face."""

from enum import Enum, auto

import numpy as np

from ..runtimes.base import UInt8

#: Of every so many-th pixel in each direction the green is looked at.
_STRIDE = 4
#: A picture is black if all but this share of its pixels (hot ones, a clock) are darker than this, of 255.
_BRIGHT_SHARE, _BLACK_BELOW = 0.005, 24


class Picture(Enum):
    """What `PictureWatch` makes of a picture."""

    NEW = auto()
    REPEATED = auto()
    FROZEN = auto()
    BLACK = auto()


class PictureWatch:
    """Compares the pictures of one camera. No two pictures of a sensor are equal, for its noise.

    A driver repeats pictures to keep up a rate in dim light: the second one was not captured when it came,
    so it must not count as fresh. Only if nothing else comes for long, the camera is frozen.

    Args:
        frozen_after_s: for how long pictures must repeat to be called frozen.
    """

    def __init__(self, frozen_after_s: float = 2.0) -> None:
        self._frozen_after_s = frozen_after_s
        self._last: UInt8 | None = None
        self._changed_s = 0.0

    def look(self, rgb: UInt8, time_s: float) -> Picture:
        """Judge the next picture.

        Args:
            rgb: uint8 ``[height, width, 3]``, of any size.
            time_s: when it came, in seconds.
        """
        sample = rgb[::_STRIDE, ::_STRIDE, 1].copy()
        repeated = self._last is not None and np.array_equal(sample, self._last)
        if not repeated:
            self._last, self._changed_s = sample, time_s
        if np.count_nonzero(sample >= _BLACK_BELOW) <= _BRIGHT_SHARE * sample.size:
            return Picture.BLACK
        if not repeated:
            return Picture.NEW
        return Picture.FROZEN if time_s - self._changed_s >= self._frozen_after_s else Picture.REPEATED

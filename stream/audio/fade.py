"""Gains that move between 0 and 1 without a click, over blocks of any length."""

import numpy as np

from .endpoints import Float32


def falling(length: int) -> Float32:
    """Gains from 1 down towards 0 along a raised cosine, float32 ``[length]``."""
    return (0.5 + 0.5 * np.cos(np.pi * np.arange(length) / length)).astype(np.float32)


class Fader:
    """Raised-cosine fades in place, going on from wherever the last block left the gain. Allocates nothing.

    Args:
        length: samples from silence to full level, at least 1.
        level: the gain at first, 0 or 1.
    """

    def __init__(self, length: int, level: int = 1) -> None:
        self._ramp = np.append(1 - falling(length), np.float32(1))
        self._top = length
        self._at = level * length

    @property
    def silent(self) -> bool:
        """Whether the gain is 0."""
        return self._at == 0

    def cut(self) -> None:
        """Set the gain to 0 at once."""
        self._at = 0

    def apply(self, block: Float32, up: bool) -> None:
        """Scale a block, float32 ``[n]``, in place, on the way up to full level or down to silence."""
        at = self._at
        if up and at == self._top:  # most of the time
            return
        if up:
            count = min(len(block), self._top - at)
            block[:count] *= self._ramp[at + 1 : at + 1 + count]
            self._at = at + count
        else:
            count = min(len(block), at)
            block[:count] *= self._ramp[at - count : at][::-1]
            block[count:] = 0.0
            self._at = at - count

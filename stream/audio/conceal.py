"""What is heard where output is missing: the last sound fades away, and the next fades in."""

import numpy as np

from .endpoints import Float32
from .extrapolate import Extrapolator
from .fade import Fader, falling


class Concealer:
    """Completes blocks of which only the beginning, or nothing, is there.

    The missing part begins as the sound just played would have gone on by its linear prediction, so that
    value, slope and curvature have no break, and fades to silence. What comes later fades in over the rest of
    that. A break costs some tenths of a millisecond once, all else only copies.

    Args:
        fade: samples of a fade, at least 1.
    """

    def __init__(self, fade: int) -> None:
        self._fader = Fader(fade, level=0)
        self._falling = falling(fade)
        self._recent = np.zeros(2 * fade, np.float32)  # the last samples given out, oldest first
        self._extrapolator = Extrapolator(len(self._recent), fade)
        self._tail = np.zeros(fade, np.float32)
        self._tail_at = fade  # the tail's next sample
        self.gaps = 0  # times that sound broke off

    def complete(self, block: Float32, there: int) -> None:
        """Make a block, float32 ``[n]``, whole in place, of which the first ``there`` samples are sound."""
        self._fader.apply(block[:there], up=True)
        self._add_tail(block[:there])
        if there < len(block):
            rest = block[there:]
            rest[:] = 0.0
            if not self._fader.silent:
                self._remember(block[:there])
                self._break_off()
            self._add_tail(rest)
            self._remember(rest)
        else:
            self._remember(block)

    def _break_off(self) -> None:
        self.gaps += 1
        self._fader.cut()
        self._extrapolator.extend(self._recent, self._tail)
        self._tail *= self._falling
        self._tail_at = 0

    def _add_tail(self, block: Float32) -> None:
        count = min(len(block), len(self._tail) - self._tail_at)
        if count == 0:
            return
        block[:count] += self._tail[self._tail_at : self._tail_at + count]
        self._tail_at += count

    def _remember(self, block: Float32) -> None:
        length = len(self._recent)
        if len(block) >= length:
            self._recent[:] = block[len(block) - length :]
        elif len(block):
            self._recent[: -len(block)] = self._recent[len(block) :]
            self._recent[-len(block) :] = block

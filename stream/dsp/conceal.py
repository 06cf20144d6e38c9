"""Conceals missing audio: extrapolates what was last heard, and fades out and in without a click."""

from math import ceil, sqrt

import numpy as np

from ...core.arrays import Float32

#: Samples from which the next one is predicted. Four resonances at most: the course of the wave across the
#: joint, not the voice itself, which after a few milliseconds has faded anyway.
ORDER = 8


class Extrapolator:
    """Linear prediction fitted to some samples and run on from their end. It allocates no buffer for that.

    The fit is Burg's (J. P. Burg, "Maximum entropy spectral analysis", thesis, Stanford 1975), whose
    predictor is always stable: in the end all dies away. Until then nothing exceeds twice the loudest sample.

    Args:
        history: samples that it is fitted to, at least 2.
        length: samples to give, at least 1.
    """

    def __init__(self, history: int, length: int) -> None:
        order = min(ORDER, history // 2)
        self._forward, self._backward, self._of_forward, self._of_backward = np.zeros((4, history))
        self._weights = np.zeros(order)  # of the samples before, the oldest first
        # Row i: the weights of the last samples in sample ``i - order`` of what is to come.
        self._rows = np.eye(order + ceil(sqrt(length)), order)
        self._given = np.zeros(order + length + len(self._rows))

    def extend(self, recent: Float32, out: Float32) -> None:
        """Go on from samples float32 ``[history]`` and write what would come, float32 ``[length]``."""
        self._fit(recent)
        order, rows, given = len(self._weights), self._rows, self._given
        for row in range(order, len(rows)):
            np.dot(self._weights, rows[row - order : row], out=rows[row])
        given[:order] = recent[-order:]
        step = len(rows) - order
        for at in range(0, len(out), step):  # many samples at once, as each turn costs the same
            np.dot(rows[order:], given[at : at + order], out=given[at + order : at + order + step])
        out[:] = given[order : order + len(out)]
        loudest = 2 * max(recent.max(), -recent.min())
        np.clip(out, -loudest, loudest, out=out)

    def _fit(self, recent: Float32) -> None:
        """Find the weights order by order: each adds what the errors either way still have in common."""
        forward, backward = self._forward, self._backward
        forward[:] = backward[:] = recent
        found: list[float] = []
        for _ in range(len(self._weights)):
            forward, backward = forward[1:], backward[:-1]
            energy = float(np.dot(forward, forward) + np.dot(backward, backward))
            common = 2 * float(np.dot(forward, backward)) / energy if energy else 0.0
            found = [a - common * b for a, b in zip(found, reversed(found), strict=True)] + [common]
            of_forward = np.multiply(forward, common, out=self._of_forward[: len(forward)])
            forward -= np.multiply(backward, common, out=self._of_backward[: len(forward)])
            backward -= of_forward
        self._weights[:] = found[::-1]


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
        self.underruns = 0  # times that the audio broke off

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
        self.underruns += 1
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

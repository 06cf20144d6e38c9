"""Sound carried on from its last samples, as smoothly as it was so far."""

from math import ceil, sqrt

import numpy as np

from .endpoints import Float32

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

"""A first-in first-out buffer of samples that copies each sample once and does not grow in steady use."""

import numpy as np
import numpy.typing as npt


class SampleFifo:
    """Samples go in at the end and are looked at and dropped from the front.

    One contiguous buffer: what is left of it moves to its front when the end is reached, so that `view`
    needs no copy. It grows only when it must hold more than ever before. One thread only.

    Args:
        capacity: samples to make room for at first, at least 1.
    """

    def __init__(self, capacity: int) -> None:
        self._buffer = np.zeros(capacity, np.float32)
        self._start = 0
        self._stop = 0

    def __len__(self) -> int:
        return self._stop - self._start

    def push(self, samples: npt.NDArray[np.float32]) -> None:
        """Append samples, float32 ``[n]``."""
        if self._stop + len(samples) > len(self._buffer):
            self._make_room(len(samples))
        self._buffer[self._stop : self._stop + len(samples)] = samples
        self._stop += len(samples)

    def view(self) -> npt.NDArray[np.float32]:
        """All samples held, oldest first, float32 ``[len(self)]``: no copy, valid until the next `push`."""
        return self._buffer[self._start : self._stop]

    def drop(self, count: int) -> None:
        """Forget the oldest `count` samples (no more than are held)."""
        self._start += count

    def clear(self) -> None:
        """Forget all samples."""
        self._start = self._stop = 0

    def _make_room(self, count: int) -> None:
        held = len(self)
        wanted = held + count
        target = self._buffer if wanted <= len(self._buffer) else np.zeros(2 * wanted, np.float32)
        target[:held] = self.view()
        self._buffer, self._start, self._stop = target, 0, held

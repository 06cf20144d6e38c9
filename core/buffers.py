"""Buffers of samples: first in, first out within a thread, and a ring between two threads."""

import numpy as np
import numpy.typing as npt

from .arrays import Float32


class SampleFifo:
    """Samples go in at the end and are looked at and dropped from the front.

    One contiguous buffer: what is left of it moves to its front when the end is reached, so that `view`
    needs no copy. It grows to several times what it holds, so that this is seldom. One thread only.

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
        target = self._buffer if 3 * wanted <= len(self._buffer) else np.zeros(6 * wanted, np.float32)
        target[:held] = self.view()
        self._buffer, self._start, self._stop = target, 0, held


class SampleRing:
    """Single producer, single consumer. Each side moves only its own count, so no lock is needed.

    The counts only grow; what lies between them is the content. Both calls copy in at most two slices into
    memory that is there from the start.

    Args:
        capacity: samples it holds at most, at least 1.
    """

    def __init__(self, capacity: int) -> None:
        self._buffer = np.zeros(capacity, np.float32)
        self._written = 0
        self._read = 0

    @property
    def fill(self) -> int:
        """Samples that wait. The reader finds at least so many, the writer at most."""
        return self._written - self._read

    @property
    def written(self) -> int:
        """Samples written since the start."""
        return self._written

    @property
    def read(self) -> int:
        """Samples read or dropped since the start."""
        return self._read

    def write(self, samples: Float32) -> int:
        """Append samples, float32 ``[n]``, as many as there is room for; gives their number."""
        count = min(len(samples), len(self._buffer) - self.fill)
        start = self._written % len(self._buffer)
        first = min(count, len(self._buffer) - start)
        self._buffer[start : start + first] = samples[:first]
        if first < count:
            self._buffer[: count - first] = samples[first:count]
        self._written += count  # only now may the reader look at them
        return count

    def read_into(self, out: Float32) -> int:
        """Move the oldest samples into ``out``, float32 ``[n]``, as many as there are; gives their number."""
        count = min(len(out), self.fill)
        start = self._read % len(self._buffer)
        first = min(count, len(self._buffer) - start)
        out[:first] = self._buffer[start : start + first]
        if first < count:
            out[first:count] = self._buffer[: count - first]
        self._read += count  # only now may the writer use their room
        return count

    def drop(self, count: int) -> int:
        """Forget the oldest ``count`` samples, or as many as there are; gives their number. Reader's side."""
        dropped = min(count, self.fill)
        self._read += dropped
        return dropped

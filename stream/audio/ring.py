"""A ring of samples between two threads: one writes, one reads, and neither ever waits."""

import numpy as np

from .endpoints import Float32


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

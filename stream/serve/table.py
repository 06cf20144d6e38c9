"""The numbers of all workers in memory that they share: each writes its row, any of them shows all rows.

So a scrape of ``/metrics`` gets the whole server whichever worker answers, and a worker's counts outlive it.
"""

import ctypes
import time
from bisect import bisect_left
from collections.abc import Iterator
from multiprocessing.context import SpawnContext
from typing import Any

import numpy as np
import numpy.typing as npt

#: Upper bounds in seconds of the classes in which latencies are counted; 12.5 ms is a hop of the models.
BUCKETS_S = (0.001, 0.0025, 0.005, 0.0125, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)

#: What a row holds, and as what Prometheus shows it: kind and help; "" is not shown.
FIELDS: dict[str, tuple[str, str]] = {
    "ready": ("gauge", "Whether the worker takes connections."),
    "beat": ("", "Seconds on the monotonic clock when the worker was last seen to run."),
    "pid": ("gauge", "Number of the worker's process."),
    "connections": ("gauge", "Open connections of any kind."),
    "streams": ("gauge", "Streams now."),
    "room": ("gauge", "Streams that there is room for."),
    "joined_total": ("counter", "Streams that began."),
    "done_total": ("counter", "Streams that ended as their client wanted."),
    "lost_total": ("counter", "Streams whose client went away without an end."),
    "refused_total": ("counter", "Connections and streams that were ended with an error."),
    "audio_seconds_total": ("counter", "Seconds of sound enhanced."),
    "lips_total": ("counter", "Video frames' lips taken."),
    "steps_total": ("counter", "Joint steps of the pool."),
    "busy_seconds_total": ("counter", "Processor time of those steps."),
    "cpu_seconds_total": ("counter", "Processor time of the worker in all."),
    "waits_total": ("counter", "Times that a stream was not read from, for it was too fast or too slow."),
    "restarts_total": ("counter", "Times that the worker was begun again after it died."),
    "latency_sum": ("", "Sum of the latencies."),
}
_LATENCIES = len(FIELDS)
_WIDTH = _LATENCIES + len(BUCKETS_S) + 1
#: A worker that has not been seen for so long does not count when turns are taken.
LOST_AFTER_S = 1.0


class Table:
    """The rows of all workers, and whether the server drains.

    Args:
        memory: what `make` gave, to be handed to processes.
        workers: how many rows there are.
    """

    def __init__(self, memory: Any, workers: int) -> None:
        self.memory, self.workers = memory, workers
        numbers: npt.NDArray[np.float64] = np.frombuffer(memory, np.float64)
        self._flags, self.rows = numbers[:1], numbers[1:].reshape(workers, _WIDTH)

    @classmethod
    def make(cls, context: SpawnContext, workers: int) -> "Table":
        """An empty one in memory that processes of the context share."""
        return cls(context.RawArray(ctypes.c_double, 1 + workers * _WIDTH), workers)

    @property
    def draining(self) -> bool:
        """Whether no new streams are taken: the server is to end. Set by the supervisor."""
        return bool(self._flags[0])

    def drain(self) -> None:
        """Tell all workers that the server is to end."""
        self._flags[0] = 1.0

    def row(self, worker: int) -> "Row":
        """That of one worker."""
        return Row(self.rows[worker])

    def total(self, field: str) -> float:
        """The sum over all workers."""
        return float(self.rows[:, _index(field)].sum())

    def is_turn_of(self, worker: int) -> bool:
        """Whether no other worker that runs has fewer connections: the next one is for this worker."""
        ready, beat, connections = (self.rows[:, _index(name)] for name in ("ready", "beat", "connections"))
        runs = (ready > 0) & (time.monotonic() - beat < LOST_AFTER_S)
        runs[worker] = True
        return bool(connections[worker] <= connections[runs].min())

    def prometheus(self) -> str:
        """All numbers in Prometheus' text format, version 0.0.4."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        for field, (kind, text) in FIELDS.items():
            if kind:
                yield f"# HELP lipstream_{field} {text}"
                yield f"# TYPE lipstream_{field} {kind}"
                for worker, row in enumerate(self.rows):
                    yield f'lipstream_{field}{{worker="{worker}"}} {row[_index(field)]:.15g}'
        name = "lipstream_latency_seconds"
        yield f"# HELP {name} From the arrival of a message with sound until all of it was enhanced."
        yield f"# TYPE {name} histogram"
        for worker, row in enumerate(self.rows):
            counts = np.cumsum(row[_LATENCIES:])
            for bound, count in zip([*map(str, BUCKETS_S), "+Inf"], counts, strict=True):
                yield f'{name}_bucket{{worker="{worker}",le="{bound}"}} {count:.15g}'
            yield f'{name}_sum{{worker="{worker}"}} {row[_index("latency_sum")]:.9g}'
            yield f'{name}_count{{worker="{worker}"}} {counts[-1]:.15g}'


class Row:
    """The numbers of one worker."""

    def __init__(self, numbers: npt.NDArray[np.float64]) -> None:
        self._numbers = numbers

    def __getitem__(self, field: str) -> float:
        return float(self._numbers[_index(field)])

    def __setitem__(self, field: str, value: float) -> None:
        self._numbers[_index(field)] = value

    def add(self, field: str, amount: float = 1.0) -> None:
        """Count."""
        self._numbers[_index(field)] += amount

    def observe(self, latency_s: float) -> None:
        """Count a latency in its class."""
        self.add("latency_sum", latency_s)
        self._numbers[_LATENCIES + bisect_left(BUCKETS_S, latency_s)] += 1

    def gone(self) -> None:
        """The worker is no more: what it had now is nothing, what it counted stays."""
        for field, (kind, _) in FIELDS.items():
            if kind == "gauge":
                self[field] = 0.0


_INDEX = {field: index for index, field in enumerate(FIELDS)}


def _index(field: str) -> int:
    return _INDEX[field]

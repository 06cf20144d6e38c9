"""Work shared out to workers that may die: each job is done, or given up with a reason; none is lost.

What a worker is (a process here, an actor on a cluster) is a `Crew`'s affair. `work_through` decides who does
what, and what happens to the job of a worker that died: it is done again, alone, and given up when its
worker dies over and over. So a file that kills its reader ends nothing but itself.
"""

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from ..errors import InputError
from .processes import (
    THREAD_VARIABLES,
    Terminated,
    environment,
    leave_ctrl_c_to_the_caller,
    terminated_like_ctrl_c,
)

#: Workers that die over a job before it is given up.
MOST_DEATHS = 2
#: Workers that die one after the other without having been ready, before that is taken for a rule.
_MOST_BAD_STARTS = 3
#: Seconds that a process gets to put away what it was at.
_PATIENCE_S = 5.0

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")
#: Makes what does one job after the other; called once in each worker, so what it loads is kept there.
Make = Callable[[], Callable[[Any], Any]]


@dataclass(frozen=True)
class Done:
    """What a worker answered: nothing yet when it is ready for its first jobs."""

    results: Sequence[Any] = ()


class Lost(NamedTuple):
    """A worker is dead: why, in a few words."""

    reason: str


class Event(NamedTuple):
    """News of a worker, by its number."""

    worker: int
    news: Done | Lost


class Crew(Protocol):
    """Workers with numbers from 0."""

    @property
    def size(self) -> int:
        """How many there are."""

    def start(self, worker: int) -> None:
        """Begin a worker, or begin it again after its death; an event tells when it is ready."""

    def give(self, worker: int, jobs: Sequence[Any]) -> None:
        """Jobs for a worker that is ready; an event brings their results."""

    def events(self, timeout_s: float) -> list[Event]:
        """Wait for news; none after so many seconds.

        Raises:
            InputError: no worker can be made ready, as for want of a model.
        """

    def close(self) -> None:
        """End all workers; what they are at is not finished."""


@dataclass
class _Job(Generic[JobT]):
    """A job, how many workers died over it, and whether it goes out alone: of a portion that was lost."""

    job: JobT
    deaths: int = 0
    alone: bool = False


def work_through(
    jobs: Iterable[JobT],
    crew: Crew,
    give_up: Callable[[JobT, str], ResultT],
    most_at_once: int = 1,
) -> Iterator[ResultT | None]:
    """Have all jobs done, and yield the results as they come; None now and then, where none comes.

    Args:
        jobs: any number.
        crew: started here, closed by the caller.
        give_up: the result of a job whose workers died, with the reason.
        most_at_once: jobs that a worker is handed together, fewer towards the end, so that all end together.

    Raises:
        InputError: workers die before they are ready.
    """
    waiting = deque(_Job(job) for job in jobs)
    busy: dict[int, list[_Job[JobT]]] = {}
    idle: set[int] = set()
    bad_starts = 0
    for worker in range(min(crew.size, len(waiting))):
        crew.start(worker)
    while waiting or busy:
        while waiting and idle:
            worker = idle.pop()
            busy[worker] = _portion(waiting, crew.size, most_at_once)
            crew.give(worker, [given.job for given in busy[worker]])
        events = crew.events(1.0)
        if not events:
            yield None
        for worker, news in events:
            held = busy.pop(worker, [])
            if isinstance(news, Done):
                bad_starts = 0
                idle.add(worker)
                yield from news.results
                continue
            bad_starts += not held
            if bad_starts == _MOST_BAD_STARTS:
                raise InputError(
                    f"workers die as they start ({news.reason}): if memory is short, lower --workers"
                )
            for given in held:
                given.deaths += len(held) == 1
                given.alone = True  # of several jobs nobody knows which one it was
                if given.deaths == MOST_DEATHS:
                    yield give_up(given.job, f"its worker died, {MOST_DEATHS} times ({news.reason})")
                else:
                    waiting.appendleft(given)
            idle.discard(worker)
            if waiting:
                crew.start(worker)


def _portion(waiting: deque[_Job[JobT]], workers: int, most: int) -> list[_Job[JobT]]:
    """The next jobs for one worker."""
    count = max(1, min(most, len(waiting) // (4 * workers)))
    portion = [waiting.popleft()]
    while len(portion) < count and not portion[0].alone and not waiting[0].alone:
        portion.append(waiting.popleft())
    return portion


class ProcessCrew:
    """A `Crew` of fresh processes on this machine, with one thread each.

    A process ends by itself when the one that started it is gone, after the job it is at.

    Args:
        size: how many.
        make: importable by name, as the processes import it; what it raises as InputError ends the work.
    """

    def __init__(self, size: int, make: Make) -> None:
        self.size = size
        self._make = make
        self._members: dict[int, tuple[BaseProcess, Connection]] = {}

    def start(self, worker: int) -> None:
        # Fresh: a fork would copy the caller's threads in the middle of their work.
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._make), daemon=True)
        with environment(dict.fromkeys(THREAD_VARIABLES, "1")):
            process.start()
        theirs.close()  # so that its end is ours to see
        self._members[worker] = (process, ours)

    def give(self, worker: int, jobs: Sequence[Any]) -> None:
        with suppress(OSError):  # dead already: an event tells
            self._members[worker][1].send(list(jobs))

    def events(self, timeout_s: float) -> list[Event]:
        by_connection = {connection: worker for worker, (_, connection) in self._members.items()}
        ready = wait(list(by_connection), timeout_s)
        return [self._news(worker) for connection, worker in by_connection.items() if connection in ready]

    def close(self) -> None:
        for process, _ in self._members.values():
            process.terminate()  # tidies up after itself, see `_serve`
        for process, connection in self._members.values():
            process.join(_PATIENCE_S)
            process.kill()
            process.join()
            connection.close()
        self._members.clear()

    def _news(self, worker: int) -> Event:
        process, connection = self._members[worker]
        try:
            news = connection.recv()
        except (EOFError, OSError):
            process.join()
            del self._members[worker]
            connection.close()
            return Event(worker, Lost(_end_of(process.exitcode)))
        if isinstance(news, BaseException):
            raise news
        return Event(worker, news)


def _end_of(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None or code >= 0:
        return f"exit code {code}"
    return signal.Signals(-code).name


def _serve(connection: Connection, make: Make) -> None:
    """What a process of a crew runs: jobs come, results go, until nobody is there any more."""
    leave_ctrl_c_to_the_caller()
    with suppress(Terminated, EOFError, BrokenPipeError, ConnectionResetError), terminated_like_ctrl_c():
        try:
            do = make()
        except Exception as error:
            connection.send(error)
            return
        connection.send(Done())
        while True:
            connection.send(Done([do(job) for job in connection.recv()]))

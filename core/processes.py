"""Processes: the environment that new ones see, and work in fresh ones with results in order."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, TypeVar


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables while it is entered, for libraries and processes that begin meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


#: Where numerical libraries look, when they are loaded, for the number of threads to take.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")

Result = TypeVar("Result")


def map_in_order(
    function: Callable[..., Result], arguments: Iterable[tuple[Any, ...]], jobs: int
) -> Iterator[Result]:
    """Call a function for each tuple of arguments, and yield what it returns, in their order.

    Args:
        function: importable by name, as worker processes import it. A script that asks for several jobs must
            be importable itself (``if __name__ == "__main__"``).
        arguments: read lazily, a few ahead of the results.
        jobs: 1 calls in this process, more in as many worker processes.
    """
    if jobs == 1:
        for given in arguments:
            yield function(*given)
        return
    # Fresh processes: a fork would copy the caller's threads in the middle of their work.
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=leave_ctrl_c_to_the_caller)
    try:
        ahead: deque[Future[Result]] = deque()
        for given in arguments:
            ahead.append(pool.submit(function, *given))
            if len(ahead) > 2 * jobs:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def in_fresh_process(function: Callable[..., Result], *arguments: Any, threads: int = 1) -> Result:
    """Call a function in a process that has loaded nothing else, and return what it returns.

    Args:
        function: importable by name, as for `map_in_order`.
        arguments: for it.
        threads: how many numerical libraries may take there.
    """
    with (
        environment(dict.fromkeys(THREAD_VARIABLES, str(threads))),
        ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), initializer=leave_ctrl_c_to_the_caller
        ) as pool,
    ):
        return pool.submit(function, *arguments).result()


class Terminated(KeyboardInterrupt):
    """The process is asked to end, by SIGTERM or SIGHUP: it cleans up as after Ctrl-C.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def terminated_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise `Terminated` while it is entered, where nobody else listens to them.

    A signal that is ignored stays so: ``nohup`` wants it. Outside of the main thread nothing changes.
    """
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    mine = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]

    def end(number: int, frame: object) -> None:
        for other in mine:
            signal.signal(other, signal.SIG_IGN)  # asked twice, it still cleans up
        raise Terminated(number)

    for number in mine:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)


def leave_ctrl_c_to_the_caller() -> None:
    """The terminal sends it to all processes; only the caller's is to end the work, and to tell of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

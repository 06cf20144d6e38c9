"""Work in fresh processes, results in order."""

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

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


def leave_ctrl_c_to_the_caller() -> None:
    """The terminal sends it to all processes; only the caller's is to end the work, and to tell of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

"""Ctrl-C in a long run: the step that runs is finished, and what was learnt kept."""

import contextlib
import signal
from collections.abc import Iterator
from typing import Protocol

EXIT_INTERRUPTED = 130


class Stoppable(Protocol):
    """A run that can be told to end after its step."""

    def stop(self) -> None:
        """Do so; may be called by a signal handler."""


@contextlib.contextmanager
def stopped_by_ctrl_c(run: Stoppable) -> Iterator[None]:
    """The first Ctrl-C lets the step that runs end; a second one interrupts at once, as elsewhere."""
    usual = signal.getsignal(signal.SIGINT)

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, usual)
        run.stop()

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)

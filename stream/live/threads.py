"""Threads for real-time audio: their priority, the GIL's switch interval, GC settings, and an orderly end."""

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ...errors import InputError

#: The usual one of sound servers for their own threads: low, as real time goes.
PRIORITY = 5


def ask_for_realtime() -> bool:
    """Have this thread run before all that are not real-time, as will those that it starts from now on.

    Where that is refused, as on most Linux systems to a user in no group for it, all stays as it was. Other
    systems are not asked: they give the threads of sound devices their priority by themselves.

    Not for PortAudio's threads: on ALSA's pulse plugin they may wait for the sound server in a busy loop, and
    in real time kept it from the processor that it needed for its answer.

    Returns:
        Whether it was granted.
    """
    if sys.platform != "linux":
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))  # 0: this thread alone
    except OSError:
        return False
    return True


#: Python lets a busy thread go on for 5 ms, too long with so little audio buffered.
SWITCH_S = 0.0002


@contextmanager
def responsive() -> Iterator[None]:
    """Set the GIL's switch interval and the garbage collector for real-time audio, inside the block.

    To look through all objects of a program takes Python tens of milliseconds, in which no thread of it goes
    on. So enter it when all is loaded. Both settings belong to the whole process. Where the program had
    frozen objects before, as training does, all stays frozen: Python cannot give back some of them.
    """
    interval_s, was_frozen = sys.getswitchinterval(), gc.get_freeze_count() > 0
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()
    try:
        yield
    finally:
        if not was_frozen:
            gc.unfreeze()
        sys.setswitchinterval(interval_s)


#: A wait that can be cut short takes twice the processor time of a sleep. Over shorter ones nobody is
#: impatient.
SHORT_S = 0.05


class LiveError(RuntimeError):
    """A session ended because a part of it failed; one line says which and how."""


class SessionThreads:
    """The threads of a session: an exception in one ends them all and is kept to be told.

    Attributes:
        ended: set when it is over.
        failure: what ended it, if something failed.
    """

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.failure: Exception | None = None
        self._threads: list[threading.Thread] = []

    @property
    def running(self) -> bool:
        """Whether a thread is still at work."""
        return any(thread.is_alive() for thread in self._threads)

    def start(
        self, name: str, work: Callable[[], object], pause_s: Callable[[], float], urgent: bool = False
    ) -> None:
        """Begin a thread that waits, works, waits, and so on.

        Args:
            name: as the user is told if it fails.
            work: what it does, briefly.
            pause_s: the seconds to wait before it does so again.
            urgent: whether to ask for real-time priority.
        """

        def run() -> None:
            if urgent:
                ask_for_realtime()
            try:
                while not self._pause(pause_s()):
                    work()
            except InputError as error:
                self.fail(error)
            except Exception as error:
                self.fail(LiveError(f"the {name} failed ({type(error).__name__}: {error})"))

        thread = threading.Thread(target=run, name=f"lipstream-{name.replace(' ', '-')}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _pause(self, seconds: float) -> bool:
        """Wait; gives whether it is over."""
        if seconds > SHORT_S:
            return self.ended.wait(seconds)
        time.sleep(seconds)
        return self.ended.is_set()

    def fail(self, failure: Exception) -> None:
        """It is over; the first failure is the one that is told."""
        if not self.ended.is_set():
            self.failure = failure
            self.ended.set()

    def end(self, limit_s: float, *closers: Callable[[], object]) -> None:
        """Have the threads end, and call the closers at the same time; leave behind what takes too long."""
        self.ended.set()
        closing = [threading.Thread(target=closer, daemon=True) for closer in closers]
        for thread in closing:
            thread.start()
        deadline_s = time.monotonic() + limit_s
        for thread in (*closing, *self._threads):
            thread.join(max(0.0, deadline_s - time.monotonic()))

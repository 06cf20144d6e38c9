"""Calls into native code that may never come back."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


class DeadlineError(Exception):
    """A call did not come back in time. Its thread still waits for it."""


def within(
    limit_s: float, call: Callable[[], Result], late: Callable[[Result], object] | None = None
) -> Result:
    """What a call returns, if it does so in time.

    Args:
        limit_s: seconds to wait.
        call: run on a thread of its own, which does not keep the process from ending.
        late: given what the call returned, should it come back after all.

    Raises:
        DeadlineError: it did not come back in time.
        Exception: what the call raised.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            result = call()
        except BaseException as error:
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
            return
        if future.set_running_or_notify_cancel():
            future.set_result(result)
        elif late is not None:
            late(result)

    threading.Thread(target=run, name="lipstream-deadline", daemon=True).start()
    try:
        return future.result(limit_s)
    except TimeoutError as error:
        if future.cancel():
            raise DeadlineError(f"no answer within {limit_s:g} s") from error
        return future.result()  # it came back at the last moment

"""A call that hangs is given up in time, and what it does afterwards is undone."""

import threading

import pytest

from lipstream.stream.devices.portaudio_host import DeadlineError, within


def test_the_result_comes_through() -> None:
    assert within(5.0, lambda: 42) == 42


def test_an_exception_comes_through() -> None:
    with pytest.raises(ValueError, match="gone"):
        within(5.0, lambda: int("gone"))


def test_a_late_result_is_handed_over_for_undoing() -> None:
    go_on, undone = threading.Event(), threading.Event()
    results: list[str] = []

    def call() -> str:
        go_on.wait()
        return "open"

    def late(result: str) -> None:
        results.append(result)
        undone.set()

    with pytest.raises(DeadlineError, match=r"no answer within 0\.05 s"):
        within(0.05, call, late)
    assert results == []
    go_on.set()
    assert undone.wait(5.0)
    assert results == ["open"]


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_late_failure_is_dropped() -> None:
    go_on = threading.Event()

    def call() -> None:
        go_on.wait()
        raise OSError("too late for anyone")

    with pytest.raises(DeadlineError):
        within(0.05, call)
    thread = next(each for each in threading.enumerate() if each.name == "lipstream-deadline")
    go_on.set()
    thread.join(5.0)
    assert not thread.is_alive()

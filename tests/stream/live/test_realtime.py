"""Real-time priority: for the thread that asks alone, and no word where it is refused."""

import os
import sys
import threading

import pytest

from lipstream.stream.live.threads import ask_for_realtime

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only asked for on Linux")


def test_the_thread_that_asks_gets_it_or_stays_as_it_was() -> None:
    answers: list[tuple[bool, int]] = []
    thread = threading.Thread(target=lambda: answers.append((ask_for_realtime(), os.sched_getscheduler(0))))
    before = os.sched_getscheduler(0)
    thread.start()
    thread.join()
    granted, policy = answers[0]
    assert policy == (os.SCHED_RR if granted else before)
    assert os.sched_getscheduler(0) == before


def test_a_refusal_is_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    assert not ask_for_realtime()

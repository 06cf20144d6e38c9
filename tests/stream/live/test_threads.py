"""Threads of a session: the urgent ones ask for real time, and only they."""

import pytest

from lipstream.stream.live import threads
from lipstream.stream.live.threads import SessionThreads


def test_only_an_urgent_thread_asks_for_real_time_and_each_pause_is_asked_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    pauses_s = iter([0.0, 0.001, 0.002])
    monkeypatch.setattr(threads, "ask_for_realtime", lambda: asked.append("asked"))
    running = SessionThreads()
    taken: list[int] = []
    running.start("ordinary thread", running.ended.is_set, lambda: 0.1)
    assert not asked
    running.start("urgent thread", lambda: taken.append(1), lambda: next(pauses_s), urgent=True)
    assert running.ended.wait(5.0), "the thread ends with an exception when there is no other pause"
    running.end(1.0)
    assert asked == ["asked"]
    assert len(taken) == 3

"""Threads that take turns: the urgent ones ask for real time, and only they."""

import pytest

from lipstream.stream.live import threads as turns
from lipstream.stream.live.threads import Turns


def test_only_an_urgent_thread_asks_for_real_time_and_each_pause_is_asked_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    pauses_s = iter([0.0, 0.001, 0.002])
    monkeypatch.setattr(turns, "ask_for_realtime", lambda: asked.append("asked"))
    threads = Turns()
    taken: list[int] = []
    threads.start("ordinary thread", threads.ended.is_set, lambda: 0.1)
    assert not asked
    threads.start("urgent thread", lambda: taken.append(1), lambda: next(pauses_s), urgent=True)
    assert threads.ended.wait(5.0), "the thread ends with an exception when there is no other pause"
    threads.end(1.0)
    assert asked == ["asked"]
    assert len(taken) == 3

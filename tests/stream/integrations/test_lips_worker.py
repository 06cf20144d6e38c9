"""Pictures are read beside whatever else goes on, one at a time, and what fails is told once."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from lipstream import InputError
from lipstream.core.arrays import UInt8
from lipstream.stream.integrations.lips_worker import LipsWorker, _Desk
from lipstream.stream.video.frames import LipFrame
from lipstream.tests.stream.faces import face
from lipstream.tests.stream.waiting import until

PICTURE = np.zeros((2, 2, 3), np.uint8)
PATIENCE_S = 60.0


class Reader:
    """Sees a face in every picture, and holds on at each until it is let go."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.threads: set[int] = set()
        self.begun, self.go_on, self.closed = (
            threading.Semaphore(0),
            threading.Semaphore(0),
            threading.Event(),
        )

    def read(self, picture: UInt8, time_s: float, rgb: bool) -> LipFrame:
        assert rgb
        self.threads.add(threading.get_ident())
        self.begun.release()
        assert self.go_on.acquire(timeout=PATIENCE_S)
        self.times.append(time_s)
        return LipFrame(len(self.times), time_s, landmarks=face())

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> list[Reader]:
    """The readers that were opened, in order."""
    opened: list[Reader] = []

    def opening(desk: Any) -> Reader:
        opened.append(Reader())
        return opened[-1]

    monkeypatch.setattr(_Desk, "_opened", opening)
    return opened


@pytest.fixture
def worker() -> Iterator[LipsWorker]:
    worker = LipsWorker("landmarks")
    yield worker
    worker.close()


def has(readers: list[Reader], count: int) -> bool:
    return len(readers) == count


def done(worker: LipsWorker) -> None:
    """Wait for the picture at work."""
    assert worker._desk is not None
    assert worker._desk._at_work is not None
    worker._desk._at_work.result(PATIENCE_S)


def test_a_picture_is_read_in_another_thread_and_one_that_comes_meanwhile_is_left_out(
    worker: LipsWorker, readers: list[Reader]
) -> None:
    shown: list[LipFrame] = []
    asked: list[int] = []

    def picture(number: int) -> UInt8:
        asked.append(number)
        return PICTURE

    worker.read(partial(picture, 0), shown.append)
    assert until(lambda: readers)
    (reader,) = readers
    assert reader.begun.acquire(timeout=PATIENCE_S)
    worker.read(partial(picture, 1), shown.append)  # returns while the first is still being read
    reader.go_on.release(2)
    done(worker)
    worker.read(partial(picture, 2), shown.append)
    done(worker)
    assert asked == [0, 2]
    assert len(shown) == 2
    assert reader.times == sorted(reader.times)
    assert threading.get_ident() not in reader.threads


def test_after_close_the_reader_is_let_go_and_the_next_picture_begins_another(
    worker: LipsWorker, readers: list[Reader]
) -> None:
    for round_ in range(2):
        worker.read(lambda: PICTURE, lambda frame: None)
        assert until(partial(has, readers, round_ + 1))
        closed = worker.close()  # while it reads: returns at once
        assert not closed.done()
        readers[round_].go_on.release()
        closed.result(PATIENCE_S)
        assert readers[round_].closed.is_set()
    assert worker.close().done()


def test_a_worker_that_is_forgotten_closes_its_reader(readers: list[Reader]) -> None:
    worker = LipsWorker("landmarks")
    worker.read(lambda: PICTURE, lambda frame: None)
    assert until(lambda: readers)
    readers[0].go_on.release()
    done(worker)
    del worker
    assert readers[0].closed.wait(PATIENCE_S)


def test_a_reader_that_cannot_be_had_is_told_once_and_not_asked_for_again_before_close(
    worker: LipsWorker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = []

    def opening(desk: Any) -> Reader:
        asked.append(desk)
        raise InputError("video needs MediaPipe")

    monkeypatch.setattr(_Desk, "_opened", opening)
    for _ in range(3):
        worker.read(lambda: PICTURE, lambda frame: None)
        done(worker)
    assert len(asked) == 1
    assert [record.getMessage() for record in caplog.records] == ["lips are not read: video needs MediaPipe"]
    worker.close()
    with pytest.raises(InputError, match="video needs MediaPipe"):
        asyncio.run(worker.load())
    assert len(asked) == 2


def test_a_bad_picture_is_told_once_and_the_next_good_one_is_read(
    worker: LipsWorker, readers: list[Reader], caplog: pytest.LogCaptureFixture
) -> None:
    def bad() -> UInt8:
        raise InputError("no picture")

    shown: list[LipFrame] = []
    for _ in range(2):
        worker.read(bad, shown.append)
        done(worker)
    readers[0].go_on.release()
    worker.read(lambda: PICTURE, shown.append)
    done(worker)
    assert len(shown) == 1
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, "lips are not read: no picture")
    ]

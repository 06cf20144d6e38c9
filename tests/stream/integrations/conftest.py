"""Models whose effect on the sound is a known gain."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from lipstream.core.arrays import UInt8
from lipstream.stream import runtimes
from lipstream.stream.integrations.lips_worker import LipsWorker
from lipstream.stream.video.frames import LipFrame
from lipstream.tests.stream.faces import face


@pytest.fixture
def use_gain(pass_through: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """From then on, every model name loads a runtime that scales by the gain."""

    def use(gain: float) -> None:
        monkeypatch.setattr(runtimes, "load_runtime", lambda model, runtime: pass_through(gain=gain))

    return use


class ReadPictures(list[UInt8]):
    """The pictures that were read, and how often their reader was loaded and closed."""

    loaded = closed = 0


@pytest.fixture
def read_pictures(monkeypatch: pytest.MonkeyPatch) -> ReadPictures:
    """From then on, pictures are read at once, and every one shows a face that moves."""
    pictures = ReadPictures()

    async def load(worker: LipsWorker) -> None:
        pictures.loaded += 1

    def read(worker: LipsWorker, picture: Callable[[], UInt8], show: Callable[[LipFrame], None]) -> None:
        pictures.append(picture())
        show(LipFrame(1, 0.0, landmarks=face(5.0 * len(pictures))))

    def close(worker: LipsWorker) -> Future[None]:
        pictures.closed += 1
        done: Future[None] = Future()
        done.set_result(None)
        return done

    for function in (load, read, close):
        monkeypatch.setattr(LipsWorker, function.__name__, function)
    return pictures

"""The reading thread: newest frame only, rate capped, lost cameras opened again, nobody waits for it."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest

from lipstream.core.arrays import UInt8
from lipstream.errors import InputError
from lipstream.stream.video.camera.capture import Capture
from lipstream.stream.video.camera.grabber import Grabber
from lipstream.stream.video.camera.status import Backoff

PATIENCE_S = 10.0


class Scripted:
    """A camera that gives frames at these times without waiting, then no more."""

    def __init__(self, stamps: Iterable[float]) -> None:
        self._stamps: Iterator[float] = iter(stamps)
        self._now = 0.0
        self.decoded: list[float] = []
        self.closed = threading.Event()

    def grab(self) -> float | None:
        stamp = next(self._stamps, None)
        self._now = stamp or 0.0
        return stamp

    def retrieve(self) -> UInt8 | None:
        self.decoded.append(self._now)
        return np.full((4, 4, 3), len(self.decoded) % 256, np.uint8)

    def close(self) -> None:
        self.closed.set()


def start(open_camera: Callable[[], Capture], first_pause_s: float = 0.01) -> Grabber:
    grabber = Grabber(open_camera, 25.0, Backoff(first_pause_s, 60.0))
    grabber.start()
    return grabber


@pytest.mark.parametrize(
    ("camera_fps", "kept_fps"), [(5, 5), (15, 15), (25, 25), (30, 25), (50, 25), (60, 25)]
)
def test_rate_is_capped_and_lower_rates_are_kept_whole(camera_fps: int, kept_fps: int) -> None:
    jitter = np.random.default_rng(0).uniform(-0.004, 0.004, 10 * camera_fps)
    camera = Scripted(1000.0 + np.arange(10 * camera_fps) / camera_fps + jitter)
    grabber = start(lambda: camera, first_pause_s=60.0)
    assert camera.closed.wait(PATIENCE_S)
    grabber.close(1.0)
    assert len(camera.decoded) == pytest.approx(10 * kept_fps, abs=2)
    assert np.diff(camera.decoded).max() < 2 / kept_fps
    assert grabber.status().grabbed == 10 * camera_fps


def test_only_the_newest_frame_waits() -> None:
    camera = Scripted([1.0, 2.0, 3.0])
    grabber = start(lambda: camera, first_pause_s=60.0)
    assert camera.closed.wait(PATIENCE_S)
    taken = grabber.take(1.0)
    assert taken is not None
    assert taken.time_s == 3.0
    assert grabber.take(0.0) is None
    grabber.close(1.0)


def test_a_lost_camera_is_opened_again_whatever_it_raises() -> None:
    answers: list[Exception | Scripted] = [
        InputError("camera 0 does not open"),
        Scripted([1.0]),
        RuntimeError("driver trouble"),
        InputError("camera 0 does not open"),
        Scripted([5.0, 6.0]),
    ]
    problems, done = [], threading.Event()

    def open_camera() -> Capture:
        problems.append(grabber.status().problem)
        if not answers:
            done.set()
            raise InputError("gone for good")
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    grabber = Grabber(open_camera, 25.0, Backoff(0.01, 60.0))
    grabber.start()
    assert done.wait(PATIENCE_S)
    status = grabber.status()
    grabber.close(1.0)
    assert problems == [
        "",
        "camera 0 does not open",
        "the camera gives no more video frames",
        "the camera fails (driver trouble)",
        "camera 0 does not open",
        "the camera gives no more video frames",
    ]
    assert (status.grabbed, status.reconnects) == (3, 1)


def test_close_does_not_wait_for_a_camera_that_blocks() -> None:
    released, blocked = threading.Event(), threading.Event()

    class Blocking(Scripted):
        def grab(self) -> float | None:
            blocked.set()
            released.wait(60.0)
            return None

    grabber = start(lambda: Blocking([]))
    assert blocked.wait(PATIENCE_S)
    began = time.monotonic()
    grabber.close(0.2)
    assert time.monotonic() - began < 30.0, "it waited for the camera"
    released.set()


def test_close_interrupts_a_long_pause() -> None:
    def open_camera() -> Capture:
        raise InputError("camera 0 does not open")

    grabber = start(open_camera, first_pause_s=60.0)
    grabber.close(PATIENCE_S)
    assert not any(thread.name == "lipstream-grabber" for thread in threading.enumerate())

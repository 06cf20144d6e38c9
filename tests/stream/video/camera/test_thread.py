"""The camera thread on real parts: OpenCV on a loopback camera and MediaPipe. Whatever fails, it goes on."""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lipstream.core.arrays import Float32, UInt8
from lipstream.stream.video.camera import thread as camera_module
from lipstream.stream.video.camera.capture import open_camera
from lipstream.stream.video.camera.status import LipsMailbox
from lipstream.stream.video.camera.thread import CameraConfig, CameraLimits, CameraState, CameraThread
from lipstream.stream.video.files import read_lips
from lipstream.stream.video.frames import LipFrame, VideoFrame
from lipstream.stream.video.lips.finder import FaceFinder
from lipstream.tests.stream.video.camera.mjpeg_server import MjpegServer, Mode

PATIENCE_S = 30.0
QUICK = CameraConfig(
    retry_s=0.05, longest_retry_s=0.1, limits=CameraLimits(lost_after_s=0.5, frozen_after_s=0.5)
)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def is_in(camera: CameraThread, state: CameraState) -> bool:
    return camera.status().state is state


def rests(camera: CameraThread) -> bool:
    """Whether no lips come, once those on their way are through."""
    frames = camera.status().frames
    time.sleep(0.3)
    return camera.status().frames == frames


def mean_color(crop: UInt8) -> Float32:
    return np.full(512, crop.mean(), np.float32)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, example_frames: list[UInt8]) -> Path:
    """One second of a talking face."""
    path = tmp_path_factory.mktemp("camera") / "clip.avi"
    height, width = example_frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 25, (width, height))
    for frame in example_frames:
        writer.write(frame)
    writer.release()
    return path


@pytest.fixture(scope="module")
def server(clip: Path) -> Iterator[MjpegServer]:
    with MjpegServer(clip) as running:
        yield running


@pytest.fixture
def mailbox() -> LipsMailbox:
    return LipsMailbox()


def collect(mailbox: LipsMailbox, count: int) -> list[LipFrame]:
    frames: list[LipFrame] = []

    def look() -> bool:
        frame = mailbox.newest_since(frames[-1].sequence if frames else 0)
        if frame is not None:
            frames.append(frame)
        return len(frames) >= count

    until(look)
    return frames


def test_lips_come_encoded_and_stamped(server: MjpegServer, mailbox: LipsMailbox, clip: Path) -> None:
    server.mode = Mode.PLAY
    with CameraThread(server.url, mean_color, mailbox, QUICK) as camera:
        frames = collect(mailbox, 10)
        now = time.perf_counter()
        status = camera.status()
    assert status.state is CameraState.TRACKING
    assert status.face_age_s is not None
    assert (status.failures, status.reconnects) == (0, 0)
    assert camera.status().state is CameraState.STOPPED
    stamps = [frame.time_s for frame in frames]
    assert all(now - 60 < earlier < later <= now for earlier, later in pairwise(stamps))
    for frame in frames:
        assert frame.crop is not None
        np.testing.assert_array_equal(frame.embedding, mean_color(frame.crop))
    in_file_mode = [frame.crop for frame in read_lips(clip, lips="crops") if frame.crop is not None]
    newest = frames[-1].crop
    assert newest is not None
    nearest = min(np.abs(newest.astype(float) - crop).mean() for crop in in_file_mode)
    assert nearest < 8, "these are not the crops of file mode"


def test_faults_of_the_camera_are_told_and_it_comes_back(server: MjpegServer, mailbox: LipsMailbox) -> None:
    server.mode = Mode.PLAY
    with CameraThread(server.url, mean_color, mailbox, QUICK) as camera:
        for mode, state in [
            (Mode.BLACK, CameraState.BLACK),
            (Mode.FREEZE, CameraState.FROZEN),
            (Mode.STALL, CameraState.LOST),
            (Mode.REFUSE, CameraState.LOST),
        ]:
            server.mode = Mode.PLAY
            until(lambda: camera.status().state is CameraState.TRACKING)
            server.mode = mode
            until(partial(is_in, camera, state))
            assert camera.status().reason
            until(lambda: rests(camera))
            assert camera.status().state is state
        server.mode = Mode.PLAY
        until(lambda: camera.status().state is CameraState.TRACKING)
        assert camera.status().reconnects >= 1
        assert camera.status().failures == 0


def test_a_slow_camera_is_used_and_named(server: MjpegServer, mailbox: LipsMailbox) -> None:
    server.mode, before = Mode.PLAY, server.fps
    server.fps = 5.0
    try:
        with CameraThread(server.url, mean_color, mailbox, QUICK) as camera:
            until(lambda: "frames a second" in camera.status().reason)
            assert camera.status().state is CameraState.TRACKING
            assert camera.status().fps < 8
    finally:
        server.fps = before


def test_failing_landmarks_are_counted_and_begun_anew(
    server: MjpegServer, mailbox: LipsMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.mode = Mode.PLAY
    detect, calls = FaceFinder.detect, []

    def fail_twice(self: FaceFinder, frame: VideoFrame) -> list[Float32]:
        calls.append(frame.time_s)
        if len(calls) in (3, 5):
            raise RuntimeError("graph error")
        return detect(self, frame)

    monkeypatch.setattr(FaceFinder, "detect", fail_twice)
    told: set[str] = set()

    def recovered() -> bool:
        told.add(camera.status().reason)
        return camera.status().failures == 2 and camera.status().state is CameraState.TRACKING

    with CameraThread(server.url, mean_color, mailbox, QUICK) as camera:
        until(recovered)
    assert any("graph error" in reason for reason in told)


def test_a_failing_encoder_is_counted_and_leaves_the_mailbox_empty(
    server: MjpegServer, mailbox: LipsMailbox
) -> None:
    server.mode = Mode.PLAY

    def broken(crop: UInt8) -> Float32:
        raise RuntimeError("no encoder")

    with CameraThread(server.url, broken, mailbox, QUICK) as camera:
        until(lambda: camera.status().failures >= 2)
        assert camera.status().state is CameraState.FAILING
        assert "no encoder" in camera.status().reason
    assert mailbox.newest_since(0) is None


def test_without_a_face_model_the_status_says_how_to_get_it(
    server: MjpegServer, mailbox: LipsMailbox, tmp_path: Path
) -> None:
    with CameraThread(server.url, mean_color, mailbox, QUICK, face_model=tmp_path / "no.task") as camera:
        until(lambda: camera.status().state is CameraState.FAILING)
        assert "--face-model" in camera.status().reason
        until(lambda: "lipstream-grabber" not in {thread.name for thread in threading.enumerate()})


def test_a_camera_that_is_not_there_is_tried_again(
    server: MjpegServer, mailbox: LipsMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.mode = Mode.PLAY
    addresses = ["http://127.0.0.1:9/camera.mjpg"] * 2
    monkeypatch.setattr(
        camera_module,
        "open_camera",
        lambda camera, clock: open_camera(addresses.pop() if addresses else camera, clock),
    )
    with CameraThread(server.url, mean_color, mailbox, QUICK) as camera:
        until(lambda: camera.status().state is CameraState.TRACKING)
        assert camera.status().reconnects == 0


def test_a_file_may_stand_for_a_camera(mailbox: LipsMailbox, clip: Path) -> None:
    with CameraThread(clip, mean_color, mailbox, QUICK):
        assert len(collect(mailbox, 3)) == 3


def test_close_may_come_first_and_twice(server: MjpegServer, mailbox: LipsMailbox) -> None:
    camera = CameraThread(server.url, mean_color, mailbox)
    camera.close()
    camera.close()
    assert camera.status().state is CameraState.STOPPED


@pytest.mark.parametrize(
    ("name", "value"), [("max_fps", 0.0), ("max_load", 1.5), ("retry_s", 0.0), ("longest_retry_s", 0.1)]
)
def test_bad_config_is_refused(name: str, value: float) -> None:
    changed: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=name):
        CameraConfig(**changed)

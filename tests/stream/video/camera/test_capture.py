"""Cameras by index, URL and file: opened, stamped, paced, and refused in words that help."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from lipstream.errors import InputError
from lipstream.stream.dsp.clock import ManualClock, MonotonicClock
from lipstream.stream.video.camera.capture import FileCapture, open_camera
from lipstream.tests.stream.video.camera.mjpeg_server import MjpegServer

NOWHERE = "http://127.0.0.1:9/camera.mjpg"  # the discard port: nobody listens


@pytest.fixture
def server(example_video: Path) -> Iterator[MjpegServer]:
    with MjpegServer(example_video) as running:
        yield running


@pytest.mark.parametrize("camera", [977, NOWHERE, NOWHERE.replace("//", "//me:secret@")])
def test_a_camera_that_is_not_there_is_told(camera: int | str) -> None:
    with pytest.raises(InputError, match=r"does not open: .*\?") as caught:
        open_camera(camera, MonotonicClock())
    assert "secret" not in str(caught.value)


def test_opencv_and_ffmpeg_write_nothing_to_stderr() -> None:
    code = f"""
from lipstream.errors import InputError
from lipstream.stream.dsp.clock import MonotonicClock
from lipstream.stream.video.camera.capture import open_camera
for camera in (977, {NOWHERE!r}):
    try:
        open_camera(camera, MonotonicClock())
    except InputError:
        print("told")
"""
    # In a process of its own, as FFmpeg asks only once, at its first use, whether to be quiet.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("told\ntold\n", "")


def test_a_file_without_video_is_told(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    path.write_bytes(b"no video")
    with pytest.raises(InputError, match=r"talk\.mp4 cannot be read"):
        open_camera(path, MonotonicClock())


def test_a_network_camera_gives_each_frame_when_it_comes(server: MjpegServer) -> None:
    capture = open_camera(server.url, MonotonicClock())
    stamps = [capture.grab() for _ in range(12)]
    frame = capture.retrieve()
    capture.close()
    assert frame is not None
    red, _, blue = frame.reshape(-1, 3).mean(axis=0)
    assert red > blue, "RGB, not BGR"
    for stamp, sent in zip(stamps[4:], server.sent[4:], strict=False):
        assert stamp is not None
        assert stamp >= sent - 0.005, "stamped before it was sent: frames are waiting somewhere"


@pytest.fixture
def eight_frames(tmp_path: Path) -> Path:
    path = tmp_path / "short.mkv"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"FFV1"), 20, (64, 64))
    for k in range(8):
        writer.write(np.full((64, 64, 3), 30 * k, np.uint8))
    writer.release()
    return path


def test_a_file_plays_in_real_time_over_and_over(eight_frames: Path) -> None:
    clock = ManualClock(100.0)
    capture = FileCapture(eight_frames, clock)
    stamps, brightness = [], []
    for _ in range(20):
        stamp, frame = capture.grab(), capture.retrieve()
        assert stamp == pytest.approx(clock.now())
        assert frame is not None
        stamps.append(stamp)
        brightness.append(float(frame.mean()))
    capture.close()
    np.testing.assert_allclose(np.array(stamps, float), 100.0 + np.arange(20) / 20, atol=2e-3)
    np.testing.assert_allclose(brightness, 30.0 * (np.arange(20) % 8), atol=3)


def test_a_file_goes_on_from_where_it_is_after_a_stall(eight_frames: Path) -> None:
    clock = ManualClock()
    capture = FileCapture(eight_frames, clock)
    capture.grab()
    clock.sleep(60.0)
    stamps = [capture.grab() for _ in range(4)]
    capture.close()
    np.testing.assert_allclose(np.array(stamps, float), 60.0 + np.arange(4) / 20, atol=2e-3)


def test_a_file_may_end(eight_frames: Path) -> None:
    capture = FileCapture(eight_frames, ManualClock(), repeat=False)
    stamps = [capture.grab() for _ in range(9)]
    capture.close()
    assert stamps[-1] is None
    assert None not in stamps[:-1]

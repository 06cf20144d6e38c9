"""Cameras as OpenCV opens them: a device by its index, a network stream by its URL, a file in real time."""

import os
from pathlib import Path
from typing import Protocol

import numpy as np

from ....core.arrays import UInt8
from ....errors import InputError
from ...dsp.clock import Clock
from ..opencv import cv2
from .names import Camera, camera_name

#: How long OpenCV may take to open a network stream, and to wait for its next frame.
_OPEN_TIMEOUT_MS, _READ_TIMEOUT_MS = 5000, 2000
#: A device is asked for this; it gives what it can.
_WIDTH, _HEIGHT, _DEVICE_FPS = 640, 480, 30
#: A file that is this far behind real time goes on from where it is, instead of hurrying after it.
_MAX_BEHIND_S = 0.5


class Capture(Protocol):
    """An open camera, used by one thread."""

    def grab(self) -> float | None:
        """Wait for the next frame; when it was captured (monotonic seconds), None once none will come."""
        ...

    def retrieve(self) -> UInt8 | None:
        """The frame grabbed last, uint8 ``[height, width, 3]`` RGB; None if it is damaged."""
        ...

    def close(self) -> None:
        """Let the camera go."""
        ...


def open_camera(camera: Camera, clock: Clock) -> Capture:
    """Open a camera; takes up to some seconds.

    Raises:
        InputError: it does not open, with what may be wrong.
    """
    _quieten()
    if isinstance(camera, Path):
        return FileCapture(camera, clock)
    if isinstance(camera, int):
        capture = cv2.VideoCapture(camera)
        advice = "is it plugged in, free, and allowed for this program?"
        # MJPG, as raw frames of this size are more than 30 a second of USB 2; before size and rate.
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, _WIDTH)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, _HEIGHT)
        capture.set(cv2.CAP_PROP_FPS, _DEVICE_FPS)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    else:
        timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _OPEN_TIMEOUT_MS]
        timeouts += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, _READ_TIMEOUT_MS]
        # One thread: with more, FFmpeg's decoder gives each frame as many frames late.
        capture = cv2.VideoCapture(camera, cv2.CAP_FFMPEG, [*timeouts, cv2.CAP_PROP_N_THREADS, 1])
        advice = "does a browser or ffplay show it?"
    if not capture.isOpened():
        capture.release()
        raise InputError(f"camera {camera_name(camera)} does not open: {advice}")
    return LiveCapture(capture, clock)


class LiveCapture:
    """A device or a network stream. Grab all the time: what waits in its buffers grows old.

    Args:
        capture: open.
        clock: stamps the frames.
    """

    def __init__(self, capture: cv2.VideoCapture, clock: Clock) -> None:
        self._capture = capture
        self._clock = clock

    def grab(self) -> float | None:
        return self._clock.now() if self._capture.grab() else None

    def retrieve(self) -> UInt8 | None:
        return _rgb(self._capture)

    def close(self) -> None:
        self._capture.release()


class FileCapture:
    """A video file that stands for a camera: its frames come when its time stamps say, over and over.

    Args:
        path: the file.
        clock: paces and stamps the frames; the first one comes when it is asked for.
        repeat: begin again at the end, as a camera has no end.

    Raises:
        InputError: no video in it.
    """

    def __init__(self, path: Path, clock: Clock, repeat: bool = True) -> None:
        self._path = path
        self._clock = clock
        self._repeat = repeat
        self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if not self._capture.isOpened():
            raise InputError(
                f"camera {path} cannot be read: no video in it, damaged, or an unsupported codec"
            )
        self._period_s = 1 / (self._capture.get(cv2.CAP_PROP_FPS) or 25.0)
        self._start_s: float | None = None
        self._played_s = -self._period_s

    def grab(self) -> float | None:
        if not self._capture.grab() and not (self._repeat and self._rewind()):
            return None
        if self._start_s is None:
            self._start_s = self._clock.now()
        # A frame without a time stamp of its own reads as 0.
        time_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        self._played_s = time_s if time_s > self._played_s else self._played_s + self._period_s
        behind_s = self._clock.now() - (self._start_s + self._played_s)
        if behind_s < 0:
            self._clock.sleep(-behind_s)
        elif behind_s > _MAX_BEHIND_S:
            self._start_s += behind_s
        return self._start_s + self._played_s

    def retrieve(self) -> UInt8 | None:
        return _rgb(self._capture)

    def close(self) -> None:
        self._capture.release()

    def _rewind(self) -> bool:
        """Begin again, a frame's time after the last one; False if the file gives nothing."""
        self._capture.release()
        self._capture = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if self._start_s is not None:
            self._start_s += self._played_s + self._period_s
        self._played_s = -self._period_s
        return bool(self._capture.grab())


def _rgb(capture: cv2.VideoCapture) -> UInt8 | None:
    decoded, bgr = capture.retrieve()
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8) if decoded else None


def _quieten() -> None:
    """One thread, and no lines on stderr: what goes wrong is told by the camera's status."""
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    os.environ.setdefault(
        "OPENCV_FFMPEG_LOGLEVEL", "-8"
    )  # AV_LOG_QUIET; read once, when FFmpeg is first used

"""The lips of a video file, with the container's time stamps, handed out in step with the audio."""

import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...core.native_stderr import native_stderr_silenced
from ...errors import InputError
from ..runtimes.base import LipsKind
from .frames import LipFrame, VideoFrame
from .lips.lip_reader import LipReader
from .opencv import cv2

#: Containers whose clock starts anywhere; in all others time 0 is the start of the recording.
_FREE_RUNNING_CLOCK = frozenset({".mpg", ".mpeg", ".vob", ".ts", ".mts", ".m2ts"})
_FALLBACK_FPS = 25.0


def read_lips(
    path: str | Path, face_model: str | Path | None = None, lips: LipsKind = "landmarks"
) -> Generator[LipFrame, None, None]:
    """Read a video and find the speaker's lips in each of its frames.

    Everything that OpenCV's FFmpeg reads will do (mp4, mkv, webm, avi, mpg, ...), at any and at varying frame
    rates; rotated phone videos come upright. One frame is in memory at a time.

    Args:
        path: the video file.
        face_model: path of ``face_landmarker.task``; None looks it up (see `find_face_model`).
        lips: as in `LipReader`.

    Returns:
        An iterator over all frames in the order of their time stamps; those without a usable face show no
        lips. Close it (``contextlib.closing``) where it may not run to its end: MediaPipe complains if
        Python exits while its graph is open.

    Raises:
        InputError: the video is missing or unreadable, or the face model cannot be had. Raised by the call
            itself, before the first frame is asked for.
    """
    frames = read_frames(path)
    return _lip_frames(frames, LipReader(lips, face_model))


def read_frames(path: str | Path) -> Generator[VideoFrame, None, None]:
    """Read the frames of a video, otherwise as `read_lips`; one that is damaged is left out.

    Raises:
        InputError: the video is missing or unreadable; raised by the call itself.
    """
    video = Path(path)
    if not video.is_file():
        raise InputError(f"video {video} does not exist or is not a file")
    with native_stderr_silenced():  # the reason is told below, in one line
        capture = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG)
        readable = capture.grab()
    if not readable:
        raise InputError(f"video {video} cannot be read: no video in it, damaged, or an unsupported codec")
    return _decoded(capture, video)


def _lip_frames(
    frames: Generator[VideoFrame, None, None], reader: LipReader
) -> Generator[LipFrame, None, None]:
    """The lips of each frame; closes both."""
    with closing(frames), reader:
        for sequence, frame in enumerate(frames, 1):
            seen = reader.look(frame)
            yield (
                replace(seen, sequence=sequence)
                if isinstance(seen, LipFrame)
                else LipFrame(sequence, frame.time_s)
            )


def _decoded(capture: cv2.VideoCapture, video: Path) -> Generator[VideoFrame, None, None]:
    """The frames of a capture whose first one is grabbed already; closes it."""
    period_s = 1 / (capture.get(cv2.CAP_PROP_FPS) or _FALLBACK_FPS)
    start_s = _start_s(capture, video, period_s)
    last_s = -math.inf
    try:
        while True:
            decoded, bgr = capture.retrieve()
            time_s = start_s + capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if time_s <= last_s:  # a frame without a time stamp of its own reads as 0
                time_s = last_s + period_s
            last_s = time_s
            if decoded:
                yield VideoFrame(time_s, np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8))
            if not capture.grab():
                return
    finally:
        capture.release()


def _start_s(capture: cv2.VideoCapture, video: Path, period_s: float) -> float:
    """When the first frame is shown, in seconds: POS_MSEC counts from there, PTS from the recording's start.

    A camera often starts later than the microphone; the offset then keeps lips and sound together. PTS is in
    whole frames, so it is known to half a frame.
    """
    if video.suffix.lower() in _FREE_RUNNING_CLOCK:
        return 0.0
    return max(capture.get(cv2.CAP_PROP_PTS) * period_s, 0.0)

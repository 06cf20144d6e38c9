"""The lips of a session as a video to look at, in step with the recorded sound."""

from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from ...core.arrays import UInt8

FPS = 25
#: Lips come so much later than they were captured at most: frames are written when none can come any more.
LATEST_S = 0.5


class LipsVideo:
    """A lossless video (FFV1 in Matroska, readable after a crash) whose time 0 is that of the sound.

    Cameras vary their frame rate and this video does not: each of its frames shows the newest lips captured
    by then, black before the first. The file is made when the first lips come.

    Args:
        path: a file that must not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: deque[tuple[float, UInt8]] = deque()
        self._frames = 0
        self._writer: Any = None

    def add(self, time_s: float, crop: UInt8) -> None:
        """Take lips captured at this time, in seconds of the sound: uint8 ``[size, size, 3]`` RGB, in order.

        Raises:
            OSError: the file cannot be made.
        """
        if self._writer is None:
            self._writer = _opened(self._path, crop.shape[0])
            self._shown: UInt8 = np.zeros_like(crop)  # black before the first
        self._waiting.append((time_s, crop))

    def reach(self, sound_s: float) -> None:
        """Write the frames that stand fixed when the sound has come this far."""
        if self._writer is None:
            return
        import cv2

        while self._frames / FPS <= sound_s - LATEST_S:
            while self._waiting and self._waiting[0][0] <= self._frames / FPS:
                self._shown = self._waiting.popleft()[1]
            self._writer.write(cv2.cvtColor(self._shown, cv2.COLOR_RGB2BGR))
            self._frames += 1

    def close(self, sound_s: float) -> None:
        """Write the rest, up to the end of the sound, and close; idempotent."""
        self.reach(sound_s + LATEST_S)
        if self._writer is not None:
            self._writer.release()
            self._writer = None


def _opened(path: Path, size: int) -> Any:
    import cv2

    codec = cv2.VideoWriter.fourcc(*"FFV1")
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, codec, FPS, (size, size))
    if not writer.isOpened():
        raise OSError(f"OpenCV cannot write {path.name}")
    return writer

"""All faces of a camera's pictures, at the cost of one face as long as there is one."""

import math
from pathlib import Path
from types import TracebackType
from typing import Self

from ..runtimes.base import Float32, UInt8
from .landmarks import FaceLandmarks

_MAX_FACES = 3
#: How often to look whether there is another face, in seconds.
_SCAN_EVERY_S = 2.0


class FaceFinder:
    """Finds the faces of one camera's pictures; a context manager.

    A landmarker for several faces runs the face detector on each picture until it has found them all, and
    smooths nothing. So one for a single face, as in file mode, does the work while one face is there, and
    the other one looks every two seconds whether there are more.

    Args:
        face_model: as in `FaceLandmarks`, which also says what is raised.
    """

    def __init__(self, face_model: str | Path | None = None) -> None:
        self._one = FaceLandmarks(face_model)
        self._several = FaceLandmarks(face_model, max_faces=_MAX_FACES)
        self._seen_several = False
        self._next_scan_s = -math.inf

    def detect(self, rgb: UInt8, time_s: float) -> list[Float32]:
        """The landmarks of each face in the next picture, float32 ``[478, 2]`` in pixels.

        Args:
            rgb: uint8 ``[height, width, 3]``.
            time_s: when it was captured, in seconds >= 0.
        """
        if self._seen_several or time_s >= self._next_scan_s:
            self._next_scan_s = time_s + _SCAN_EVERY_S
            faces = self._several.detect_all(rgb, time_s)
            self._seen_several = len(faces) > 1
            if self._seen_several:
                return faces
        return self._one.detect_all(rgb, time_s)

    def close(self) -> None:
        """Free MediaPipe's graphs."""
        self._one.close()
        self._several.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

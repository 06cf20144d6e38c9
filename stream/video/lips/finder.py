"""The faces in the pictures of one camera, near and far, at the cost of one face as long as there is one."""

import math
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import numpy as np

from ....core.arrays import Float32, UInt8
from ..frames import VideoFrame
from .crop import LEFT_EYE, RIGHT_EYE
from .landmarks import FaceLandmarks, FaceScan
from .views import View, has_left, hidden, tiles, view_of

#: Faces that are followed at most.
MOST_FACES = 3
#: Parts of the picture that are looked at in each frame while there is no face: with the whole of it these
#: cost no more than a face that is followed.
_TILES_A_FRAME = 2
#: How often to look for further faces while there is one, in seconds: by turns in the whole picture and in a
#: part of it.
_SCAN_EVERY_S = 1.0
#: Faces whose eyes are nearer than so many eye distances are one.
_SAME = 0.6


class FaceFinder:
    """Finds the faces of one camera's frames; a context manager.

    A landmarker for several faces runs the face detector on each frame until it has found them all, and
    smooths nothing. So each face has a landmarker of its own that follows it, as in file mode: in the whole
    picture, or a small one in the part around it. Where none is followed, tiles are searched in turn,
    a few in each frame; while one is, a look now and then tells whether there are more.

    Args:
        face_model: as in `FaceLandmarks`, which also says what is raised.
    """

    def __init__(self, face_model: str | Path | None = None) -> None:
        self._face_model = face_model
        self._open = ExitStack()
        self._scan = self._open.enter_context(FaceScan(face_model, MOST_FACES))
        self._followers = [self._new_follower()]
        self._next_scan_s = -math.inf
        self._turn = 0  # of the scans while a face is followed
        self._tile = 0

    def detect(self, frame: VideoFrame) -> list[Float32]:
        """The landmarks of each face in the next frame (of a time from 0), float32 ``[478, 3]`` in pixels."""
        rgb, faces = frame.rgb, list[Float32]()
        busy = [follower for follower in self._followers if follower.follows]
        for follower in busy or self._followers[:1]:
            face = follower.follow(rgb, frame.time_s)
            if face is None:
                continue
            if _known(face, faces):
                follower.let_go()
            else:
                faces.append(face)
        for view in self._views_to_search(rgb, frame.time_s, bool(faces)):
            for face in self._scan.detect(view.of(rgb)):
                self._take_up(view.to_picture(face), frame, faces)
        return faces

    def close(self) -> None:
        """Free MediaPipe's graphs."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _new_follower(self) -> "_Follower":
        return _Follower(self._open.enter_context(FaceLandmarks(self._face_model)))

    def _views_to_search(self, rgb: UInt8, time_s: float, found: bool) -> list[View]:
        """Where to look for faces that nobody follows; without any a follower saw the whole picture."""
        parts = tiles(rgb)
        if not found:
            return self._next_tiles(parts, _TILES_A_FRAME)
        if time_s < self._next_scan_s:
            return []
        self._next_scan_s = time_s + _SCAN_EVERY_S
        self._turn += 1
        return [View.whole(rgb)] if self._turn % 2 else self._next_tiles(parts, 1)

    def _next_tiles(self, parts: list[View], count: int) -> list[View]:
        chosen = [parts[(self._tile + k) % len(parts)] for k in range(min(count, len(parts)))]
        self._tile += len(chosen)
        return chosen

    def _take_up(self, face: Float32, frame: VideoFrame, faces: list[Float32]) -> None:
        """Follow a face, and add it to those of the frame, if it is another one."""
        if _known(face, faces):
            return
        idle = [follower for follower in self._followers if not follower.follows]
        if not idle and len(self._followers) == MOST_FACES:
            return
        if not idle:
            self._followers.append(self._new_follower())
            idle = self._followers[-1:]
        followed = idle[0].begin(face, faces, frame)
        if followed is None or _known(followed, faces):
            idle[0].let_go()
        else:
            faces.append(followed)


class _Follower:
    """Follows one face; while it has none, it takes the most prominent one in the whole picture.

    A landmarker looks for its face where that was in the picture before. So before it gets another part of
    the picture it gets an empty one, which makes it forget.

    Attributes:
        follows: whether it had a face in the last frame.
    """

    def __init__(self, landmarks: FaceLandmarks) -> None:
        self._landmarks = landmarks
        self._view: View | None = None  # None: the whole picture
        self.follows = False

    def follow(self, rgb: UInt8, time_s: float) -> Float32 | None:
        """The face in the next frame, in its pixels; None once it is lost."""
        view = self._view or View.whole(rgb)
        if not _within(view, rgb):  # the camera has changed its size
            self.let_go()
            view = View.whole(rgb)
        face = self._look(view.of(rgb), view, time_s)
        if face is None:
            self._view = None
        elif self._view is not None and has_left(face, self._view, rgb):
            again = self._begin(view_of(face, rgb), rgb, time_s)
            return face if again is None else again
        return face

    def begin(self, face: Float32, others: list[Float32], frame: VideoFrame) -> Float32 | None:
        """Follow this face of a frame from now on, and none of the others in it."""
        return self._begin(view_of(face, frame.rgb), hidden(frame.rgb, others), frame.time_s)

    def let_go(self) -> None:
        """Follow nothing."""
        self._forget(0.0)
        self._view = None
        self.follows = False

    def _begin(self, view: View, rgb: UInt8, time_s: float) -> Float32 | None:
        self._forget(time_s)
        self._view = view
        return self._look(view.of(rgb), view, time_s)

    def _look(self, part: UInt8, view: View, time_s: float) -> Float32 | None:
        face = self._landmarks.detect_with_depth(part, time_s)
        self.follows = face is not None
        return None if face is None else view.to_picture(face)

    def _forget(self, time_s: float) -> None:
        self._landmarks.detect_with_depth(np.zeros((64, 64, 3), np.uint8), time_s)


def _within(view: View, rgb: UInt8) -> bool:
    height, width = rgb.shape[:2]
    return view.left + view.width <= width and view.top + view.height <= height


def _known(face: Float32, faces: list[Float32]) -> bool:
    """Whether a face is one of these."""
    place, reach = _eyes(face)
    return any(abs(place - _eyes(other)[0]) < _SAME * max(reach, _eyes(other)[1]) for other in faces)


def _eyes(face: Float32) -> tuple[complex, float]:
    """Middle of the eyes, and their distance."""
    left, right = face[[LEFT_EYE, RIGHT_EYE], :2]
    return complex(*((left + right) / 2)), float(np.hypot(*(right - left)))

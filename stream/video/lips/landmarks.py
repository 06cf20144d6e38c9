"""Face landmarks of a video, frame after frame, from MediaPipe's FaceLandmarker."""

from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ....core.extras import needs_extra
from ....core.native_stderr import native_stderr_silenced
from ....errors import InputError
from .face_model import find_face_model


class FaceLandmarks:
    """Tracks the most prominent face of one video; a context manager.

    Runs in MediaPipe's VIDEO mode: synchronous, and the face detector runs only while no face is tracked.
    Not thread-safe: use it from the thread that reads the video.

    Args:
        face_model: path of ``face_landmarker.task``; None looks it up (see `find_face_model`).

    Raises:
        InputError: the ``video`` extra is not installed, or the model is missing or unreadable.
    """

    def __init__(self, face_model: str | Path | None = None) -> None:
        self._mediapipe = _mediapipe()
        self._landmarker = _create_landmarker(find_face_model(face_model), "VIDEO", 1)
        self._last_ms = -1

    def detect(self, rgb: npt.NDArray[np.uint8], time_s: float) -> npt.NDArray[np.float32] | None:
        """Find the face in the next frame.

        Args:
            rgb: uint8 ``[height, width, 3]``.
            time_s: when the frame was captured, in seconds >= 0; MediaPipe smooths its landmarks by it.

        Returns:
            float32 ``[478, 2]``: x and y in pixels of this frame, inside it or not. None: no face.
        """
        face = self.detect_with_depth(rgb, time_s)
        return None if face is None else face[:, :2]

    def detect_with_depth(self, rgb: npt.NDArray[np.uint8], time_s: float) -> npt.NDArray[np.float32] | None:
        """As `detect`, float32 ``[478, 3]``: x, y and depth z in pixels of the frame."""
        # MediaPipe counts whole milliseconds and refuses to stand still or go back.
        self._last_ms = max(self._last_ms + 1, round(1000 * time_s))
        found = self._landmarker.detect_for_video(_image(self._mediapipe, rgb), self._last_ms)
        faces = _in_pixels(found, rgb)
        return faces[0] if faces else None

    def close(self) -> None:
        """Free MediaPipe's graph; `detect` must not be called again."""
        self._landmarker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class FaceScan:
    """Finds faces in single pictures, of any size and in any order; a context manager.

    Args:
        face_model: as in `FaceLandmarks`, which also says what is raised.
        most_faces: that it finds.
    """

    def __init__(self, face_model: str | Path | None, most_faces: int) -> None:
        self._mediapipe = _mediapipe()
        self._landmarker = _create_landmarker(find_face_model(face_model), "IMAGE", most_faces)

    def detect(self, rgb: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.float32]]:
        """All faces: float32 ``[478, 3]`` each, x, y and depth z in pixels of the picture, unsmoothed."""
        return _in_pixels(self._landmarker.detect(_image(self._mediapipe, rgb)), rgb)

    def close(self) -> None:
        """Free MediaPipe's graph."""
        self._landmarker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _mediapipe() -> Any:
    try:
        import mediapipe  # takes a second, so only where a video is really read
    except ImportError as error:
        raise needs_extra("video", "video", error) from error
    return mediapipe


def _image(mediapipe: Any, rgb: npt.NDArray[np.uint8]) -> Any:
    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(rgb))


def _in_pixels(found: Any, rgb: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.float32]]:
    height, width = rgb.shape[:2]
    return [
        np.array([(p.x * width, p.y * height, p.z * width) for p in face], dtype=np.float32)
        for face in found.face_landmarks
    ]


def _create_landmarker(face_model: Path, mode: str, most_faces: int) -> Any:
    from mediapipe.tasks.python import BaseOptions
    from mediapipe.tasks.python.vision import FaceLandmarker, FaceLandmarkerOptions, RunningMode

    try:
        content = face_model.read_bytes()
    except OSError as error:
        raise InputError(f"face model {face_model} cannot be read ({error.strerror})") from error
    options = FaceLandmarkerOptions(
        # The bytes, not the path: MediaPipe's own opening of files trips over some characters on Windows.
        base_options=BaseOptions(model_asset_buffer=content),
        running_mode=RunningMode[mode],
        num_faces=most_faces,
    )
    try:
        with native_stderr_silenced():  # it logs five harmless lines while it builds its graph
            return FaceLandmarker.create_from_options(options)
    except OSError as error:
        raise InputError(
            f"MediaPipe does not load ({error}): on Debian and Ubuntu, apt-get install libegl1 libgles2"
        ) from error
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{face_model} is not a MediaPipe face landmarker model") from error

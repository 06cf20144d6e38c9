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
    """Tracks the most prominent face of one video, or several; a context manager.

    Runs in MediaPipe's VIDEO mode: synchronous, and the face detector runs only while no face is tracked.
    Not thread-safe: use it from the thread that reads the video.

    Args:
        face_model: path of ``face_landmarker.task``; None looks it up (see `find_face_model`).
        max_faces: how many faces to track. MediaPipe smooths the landmarks of a single one only, and looks
            for further faces in each frame until it has as many.

    Raises:
        InputError: the ``video`` extra is not installed, or the model is missing or unreadable.
    """

    def __init__(self, face_model: str | Path | None = None, max_faces: int = 1) -> None:
        try:
            import mediapipe  # takes a second, so only where a video is really read
        except ImportError as error:
            raise needs_extra("video", "video", error) from error
        self._mediapipe: Any = mediapipe
        self._landmarker = _create_landmarker(find_face_model(face_model), max_faces)
        self._last_ms = -1

    def detect(self, rgb: npt.NDArray[np.uint8], time_s: float) -> npt.NDArray[np.float32] | None:
        """Find the face in the next frame.

        Args:
            rgb: uint8 ``[height, width, 3]``.
            time_s: when the frame was captured, in seconds >= 0; MediaPipe smooths its landmarks by it.

        Returns:
            float32 ``[478, 2]``: x and y in pixels of this frame, inside it or not. None: no face.
        """
        faces = self.detect_with_depth(rgb, time_s)
        return faces[0][:, :2] if faces else None

    def detect_with_depth(self, rgb: npt.NDArray[np.uint8], time_s: float) -> list[npt.NDArray[np.float32]]:
        """As `detect`, all faces: float32 ``[478, 3]`` each, x, y and depth z in pixels of the frame."""
        # MediaPipe counts whole milliseconds and refuses to stand still or go back.
        self._last_ms = max(self._last_ms + 1, round(1000 * time_s))
        image = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(rgb)
        )
        faces = self._landmarker.detect_for_video(image, self._last_ms).face_landmarks
        height, width = rgb.shape[:2]
        return [
            np.array([(p.x * width, p.y * height, p.z * width) for p in face], dtype=np.float32)
            for face in faces
        ]

    def close(self) -> None:
        """Free MediaPipe's graph; `detect` must not be called again."""
        self._landmarker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _create_landmarker(face_model: Path, max_faces: int) -> Any:
    from mediapipe.tasks.python import BaseOptions
    from mediapipe.tasks.python.vision import FaceLandmarker, FaceLandmarkerOptions, RunningMode

    try:
        content = face_model.read_bytes()
    except OSError as error:
        raise InputError(f"face model {face_model} cannot be read ({error.strerror})") from error
    options = FaceLandmarkerOptions(
        # The bytes, not the path: MediaPipe's own opening of files trips over some characters on Windows.
        base_options=BaseOptions(model_asset_buffer=content),
        running_mode=RunningMode.VIDEO,
        num_faces=max_faces,
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

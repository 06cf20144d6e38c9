"""What the tests of the video share."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

Picture = npt.NDArray[np.uint8]


@pytest.fixture(scope="session")
def example_video() -> Path:
    """The project's own clip: a drawn face that speaks, 25 fps."""
    return Path(__file__).resolve().parents[3] / "demo" / "example.mp4"


@pytest.fixture(scope="session")
def example_frames(example_video: Path) -> list[Picture]:
    """The first 24 frames of the example clip, BGR as OpenCV reads and writes them."""
    capture = cv2.VideoCapture(str(example_video), cv2.CAP_FFMPEG)
    return [np.asarray(capture.read()[1], dtype=np.uint8) for _ in range(24)]

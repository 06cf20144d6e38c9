"""MediaPipe's face landmarker behind our wrapper, on a drawn and on a real face."""

import importlib
import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from lipstream.errors import InputError
from lipstream.stream.video.files import read_lips
from lipstream.stream.video.lips.landmarks import FaceLandmarks

Picture = npt.NDArray[np.uint8]
CHIN, FOREHEAD, UPPER_LIP, LOWER_LIP = 152, 10, 13, 14


@pytest.fixture(scope="module")
def rgb(example_frames: list[Picture]) -> Picture:
    return np.asarray(cv2.cvtColor(example_frames[0], cv2.COLOR_BGR2RGB), dtype=np.uint8)


def test_points_are_pixels_of_the_frame(rgb: Picture) -> None:
    wide = np.pad(rgb, ((0, 0), (60, 0), (0, 0)), mode="edge")
    with FaceLandmarks() as landmarks, FaceLandmarks() as landmarks_of_wide:
        points, shifted = landmarks.detect(rgb, 0.0), landmarks_of_wide.detect(wide, 0.0)
    assert points is not None
    assert shifted is not None
    assert points.shape == (478, 2)
    assert points.dtype == np.float32
    heights = points[[FOREHEAD, UPPER_LIP, CHIN], 1]
    assert 0 < heights[0] < heights[1] < heights[2] < rgb.shape[0]
    np.testing.assert_allclose(np.median(shifted - points, axis=0), [60, 0], atol=2)


def test_no_face_is_none(rgb: Picture) -> None:
    with FaceLandmarks() as landmarks:
        assert landmarks.detect(np.full_like(rgb, 128), 0.0) is None
        assert landmarks.detect(rgb, 0.04) is not None


@pytest.mark.parametrize("times", [(0.0, 0.0, 0.0), (1.0, 0.5, 0.6), (0.0, 0.0001, 0.0002)])
def test_time_stamps_may_stand_still_or_go_back(rgb: Picture, times: tuple[float, ...]) -> None:
    with FaceLandmarks() as landmarks:
        assert all(landmarks.detect(rgb, time_s) is not None for time_s in times)


def test_a_view_that_is_not_contiguous_will_do(example_frames: list[Picture]) -> None:
    with FaceLandmarks() as landmarks:
        assert landmarks.detect(example_frames[0][..., ::-1], 0.0) is not None


def test_nothing_is_written_to_stderr(rgb: Picture, capfd: pytest.CaptureFixture[str]) -> None:
    with FaceLandmarks() as landmarks:
        landmarks.detect(rgb, 0.0)
    assert capfd.readouterr().err == ""


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "face.task"
    path.write_bytes(b"not a model")
    with pytest.raises(InputError, match=r"face\.task is not a MediaPipe face landmarker model"):
        FaceLandmarks(path)


def test_without_mediapipe_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(InputError, match=r'pip install "lipstream\[video\]"'):
        FaceLandmarks()


def test_without_opencv_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("lipstream.stream.video")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InputError, match=r'pip install "lipstream\[video\]"'):
        importlib.import_module("lipstream.stream.video.files")


def test_a_real_talking_face_is_found_in_nearly_every_frame(shared_data: Path) -> None:
    frames = list(read_lips(shared_data / "train" / "av" / "s1-bbas2p.mp4", lips="crops"))
    assert len(frames) == 75
    assert sum(frame.crop is not None for frame in frames) >= 70

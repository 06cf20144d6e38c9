"""The speaker's lips in pictures of any origin: landmarks or crops of real faces; one line for bad input."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from lipstream import InputError, LipReader
from lipstream.core.arrays import Float32, UInt8
from lipstream.models.lips.points import POINTS
from lipstream.stream.landmarks_timeline import LandmarksTimeline
from lipstream.stream.runtimes.base import LipsKind, StreamSpec
from lipstream.stream.video.frames import LipFrame, Sight, VideoFrame
from lipstream.stream.video.lips import lip_reader
from lipstream.stream.video.lips.crop import LEFT_EYE, NOSE_TIP, RIGHT_EYE, LipCropper
from lipstream.stream.video.lips.faces import LOWER_LIP
from lipstream.stream.video.lips.landmarks import FaceLandmarks

FPS = 25.0
#: When the other one of `TwoPeople` begins to speak.
SPEAKS_S = 3.0


@pytest.fixture(scope="module")
def pictures(example_frames: list[UInt8]) -> list[UInt8]:
    return [np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), dtype=np.uint8) for frame in example_frames]


def read(
    pictures: list[UInt8], lips: LipsKind, show: Callable[[UInt8], UInt8] = lambda rgb: rgb
) -> list[Sight | LipFrame]:
    with LipReader(lips) as reader:
        return [reader.look(VideoFrame(k / FPS, show(rgb))) for k, rgb in enumerate(pictures)]


def test_pictures_of_opencv_become_landmarks_with_their_time(example_frames: list[UInt8]) -> None:
    with LipReader() as reader:
        frames = [reader(picture, 3.0 + k / FPS) for k, picture in enumerate(example_frames[:4])]
    with FaceLandmarks() as landmarks:
        for k, (picture, frame) in enumerate(zip(example_frames[:4], frames, strict=True)):
            face = landmarks.detect_with_depth(picture[..., ::-1], 3.0 + k / FPS)
            assert face is not None
            assert frame is not None
            assert (frame.sequence, frame.time_s, frame.crop) == (k + 1, 3.0 + k / FPS, None)
            assert frame.landmarks is not None
            assert frame.landmarks.dtype == np.float32
            np.testing.assert_allclose(frame.landmarks, face[list(POINTS)], atol=1e-3)


def test_a_picture_may_be_rgb_and_of_any_size(example_frames: list[UInt8]) -> None:
    picture = example_frames[0]
    with LipReader() as one, LipReader() as other, LipReader() as large:
        bgr = one.read(picture, 0.0)
        rgb = other.read(np.ascontiguousarray(picture[..., ::-1]), 0.0, rgb=True)
        doubled = large.read(np.asarray(cv2.resize(picture, None, fx=2, fy=2), np.uint8), 0.0)
    assert bgr is not None
    assert rgb is not None
    assert doubled is not None
    assert doubled.landmarks is not None
    np.testing.assert_array_equal(bgr.landmarks, rgb.landmarks)
    np.testing.assert_allclose(doubled.landmarks, 2 * np.asarray(bgr.landmarks), atol=6)


def test_crops_are_those_of_the_face_in_each_picture(pictures: list[UInt8]) -> None:
    cropper = LipCropper()
    with FaceLandmarks() as landmarks:
        for k, (rgb, lips) in enumerate(zip(pictures[:6], read(pictures[:6], "crops"), strict=True)):
            assert isinstance(lips, LipFrame)
            assert lips.landmarks is None
            crop = cropper.update(rgb, landmarks.detect(rgb, k / FPS), k / FPS)
            np.testing.assert_array_equal(lips.crop, crop)


def test_of_two_faces_one_is_read_in_each_picture(pictures: list[UInt8]) -> None:
    seen = read(pictures[:6], "landmarks", lambda rgb: np.hstack([rgb, rgb[:, ::-1]]))
    shown = [lips.landmarks for lips in seen[1:] if isinstance(lips, LipFrame)]
    places = [landmarks[:, 0].mean() for landmarks in shown if landmarks is not None]
    assert len(places) == 5
    assert np.ptp(places) < 20


class TwoPeople:
    """In place of MediaPipe: two faces of other shapes; the left one speaks first, then the right."""

    def __init__(self, face_model: object) -> None:
        self.random = np.random.default_rng(0)
        self.faces = [self.face(100.0, 70.0), self.face(400.0, 50.0)]  # the larger one is chosen first

    def face(self, x: float, eye_distance: float) -> Float32:
        points = self.random.uniform(-0.3, 0.3, (478, 3)).astype(np.float32)
        points[LEFT_EYE], points[RIGHT_EYE], points[NOSE_TIP] = (-0.5, 0, 0), (0.5, 0, 0), (0, 0.47, 0)
        points[[61, 291]] = (-0.3, 1, 0), (0.3, 1, 0)
        return points * eye_distance + np.array([x, 100, 0], np.float32)

    def detect(self, frame: VideoFrame) -> list[Float32]:
        seen = [face + self.random.normal(0, 0.02, face.shape).astype(np.float32) for face in self.faces]
        speaker = seen[0] if frame.time_s < SPEAKS_S else seen[1]
        speaker[LOWER_LIP, 1] += 20 * np.sin(20 * frame.time_s)
        return seen


@pytest.mark.slow
def test_another_face_is_a_new_one_to_the_encoder_and_the_mean_is_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch = pytest.importorskip("torch")
    from lipstream.models.lips.landmarks import LandmarkGeometry

    monkeypatch.setattr(lip_reader, "FaceFinder", TwoPeople)
    reader, geometry = LipReader(), LandmarkGeometry(100)
    state = geometry.init_state(1)
    memory: list[tuple[float, float]] = []
    people: list[tuple[float, bool]] = []

    def see(landmarks: Float32, age_s: float) -> Float32:
        nonlocal state
        _, _, state = geometry.step(torch.from_numpy(landmarks[None]), torch.tensor([age_s]), state)
        memory.append((float(state.seen), float(landmarks[POINTS.index(NOSE_TIP), 0])))
        return np.zeros(10, np.float32)

    timeline = LandmarksTimeline(StreamSpec("lite", 16_000, 400, 200, 10, 96, "landmarks"), see)
    for k in range(round((SPEAKS_S + 5.0) * FPS)):
        seen = reader.look(VideoFrame(k / FPS, np.zeros((300, 600, 3), np.uint8)))
        if isinstance(seen, LipFrame):
            timeline.add([seen])
            assert seen.landmarks is not None
            people.append((seen.time_s, float(seen.landmarks[POINTS.index(NOSE_TIP), 0]) > 250))
        timeline.at(k / FPS, True)
    left, right = ([time_s for time_s, is_right in people if is_right is which] for which in (False, True))
    assert left[-1] > SPEAKS_S
    assert 1.0 < right[0] - left[-1] < 1.1
    ticks_of_the_mean = [ticks for ticks, x in memory if x > 250]
    assert ticks_of_the_mean[:3] == [1.0, 2.0, 3.0]


def test_a_face_that_goes_is_noticed_and_one_that_comes_back_is_read(pictures: list[UInt8]) -> None:
    grey = [np.full_like(pictures[0], 90)] * 3
    seen = read([*pictures[:3], *grey, *pictures[3:6]], "landmarks")
    assert seen[3:6] == [Sight.NO_FACE] * 3
    assert all(isinstance(lips, LipFrame) for lips in (*seen[:3], *seen[7:]))


def test_a_picture_without_a_face_gives_none() -> None:
    with LipReader() as reader:
        assert reader(np.zeros((48, 64, 3), np.uint8), 0.0) is None


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((48, 64), np.uint8),
        np.zeros((48, 64, 4), np.uint8),
        np.zeros((48, 64, 3), np.float32),
        np.zeros((0, 64, 3), np.uint8),
        None,
    ],
    ids=["grey", "alpha", "float", "empty", "none"],
)
def test_what_is_no_picture_is_refused_in_one_line(picture: Any) -> None:
    with (
        LipReader() as reader,
        pytest.raises(InputError, match=r"must be uint8 \[height, width, 3\]") as caught,
    ):
        reader(picture, 0.0)
    assert "\n" not in str(caught.value)


def test_times_that_go_back_and_unknown_lips_are_refused() -> None:
    black = np.zeros((48, 64, 3), np.uint8)
    with LipReader() as reader:
        reader(black, 1.0)
        for time_s in (0.5, np.nan):
            with pytest.raises(InputError, match="order of time"):
                reader(black, time_s)
    with pytest.raises(InputError, match="'landmarks' or 'crops'"):
        LipReader("teeth")  # type: ignore[arg-type]

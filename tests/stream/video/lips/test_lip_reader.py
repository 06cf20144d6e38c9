"""Lips of a camera's frames: as those of file mode, from half the looks for landmarks."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from lipstream.core.arrays import Float32, UInt8
from lipstream.stream.video.frames import LipFrame, Sight, VideoFrame
from lipstream.stream.video.lips.crop import LipCropper
from lipstream.stream.video.lips.faces import FaceFinder
from lipstream.stream.video.lips.landmarks import FaceLandmarks
from lipstream.stream.video.lips.lip_reader import LipReader

FPS = 25.0


def encode(crop: UInt8) -> Float32:
    return np.full(512, crop.mean(), np.float32)


@pytest.fixture
def looked_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The times of the frames in which faces were looked for."""
    times_s: list[float] = []
    detect = FaceFinder.detect

    def noted(self: FaceFinder, frame: VideoFrame) -> list[Float32]:
        times_s.append(frame.time_s)
        return detect(self, frame)

    monkeypatch.setattr(FaceFinder, "detect", noted)
    return times_s


@pytest.fixture(scope="module")
def frames(example_frames: list[UInt8]) -> list[UInt8]:
    return [np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), dtype=np.uint8) for frame in example_frames]


def read(frames: list[UInt8], show: Callable[[UInt8], UInt8] = lambda rgb: rgb) -> list[Sight | LipFrame]:
    with LipReader(encode, None, frozen_after_s=2.0) as reader:
        return [reader.read(VideoFrame(k / FPS, show(rgb))) for k, rgb in enumerate(frames)]


def test_a_calm_face_gives_the_crops_of_file_mode_from_every_other_look(
    frames: list[UInt8], looked_s: list[float]
) -> None:
    seen = read(frames)
    assert len(looked_s) <= 8 + (len(frames) - 8) / 2 + 1
    cropper, differences = LipCropper(), []
    with FaceLandmarks() as landmarks:
        for k, (rgb, lips) in enumerate(zip(frames, seen, strict=True)):
            crop = cropper.update(rgb, landmarks.detect(rgb, k / FPS), k / FPS)
            assert crop is not None
            assert isinstance(lips, LipFrame)
            assert lips.crop is not None
            np.testing.assert_array_equal(lips.embedding, encode(lips.crop))
            differences.append(np.abs(lips.crop.astype(float) - crop).mean())
    assert max(differences[:8]) == 0  # a new face is looked at all the time, as in file mode
    assert np.mean(differences) < 2


def test_two_faces_are_looked_for_in_each_frame(frames: list[UInt8], looked_s: list[float]) -> None:
    few = frames[:14]
    seen = read(few, lambda rgb: np.hstack([rgb, rgb[:, ::-1]]))
    assert len(looked_s) == len(few)
    assert all(isinstance(lips, LipFrame) for lips in seen[1:])


def test_a_face_that_goes_is_noticed_within_a_frame_and_one_that_comes_at_once(
    frames: list[UInt8], looked_s: list[float]
) -> None:
    rest = np.full_like(frames[0], 90)
    noise = np.random.default_rng(0).integers(0, 9, (4, *rest.shape), dtype=np.uint8)
    seen = read([*frames[:14], *(rest + noise), *frames[14:18]])
    assert Sight.NO_FACE not in seen[:14]
    assert seen[15:18] == [Sight.NO_FACE] * 3
    assert all(isinstance(lips, LipFrame) for lips in seen[18:])
    assert looked_s[-4:] == [k / FPS for k in range(18, 22)]

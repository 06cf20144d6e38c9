"""Faces of people, small in a large picture: found, followed where they are, and told apart."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from lipstream.core.arrays import Float32, UInt8
from lipstream.models.lips.points import POINTS
from lipstream.stream.video.files import read_frames
from lipstream.stream.video.frames import VideoFrame
from lipstream.stream.video.lips.finder import FaceFinder
from lipstream.stream.video.lips.landmarks import FaceScan

#: Width of the faces of the GRID corpus in pixels.
GRID_FACE = 110
WIDTH, HEIGHT = 1280, 720


def frames_of(video: Path, count: int) -> list[UInt8]:
    return [frame.rgb for frame in islice(read_frames(video), count)]


@pytest.fixture(scope="module")
def people(shared_data: Path) -> list[list[UInt8]]:
    """Two people of the GRID corpus, 12 frames of each."""
    return [frames_of(shared_data / "test" / "av" / f"{name}.mp4", 12) for name in ("av01", "av22")]


@pytest.fixture(scope="module")
def landmarks(people: list[list[UInt8]]) -> list[list[Float32]]:
    """Their landmarks at full size, in pixels of their own pictures."""
    return [[face for (face,) in find(frames)] for frames in people]


def find(pictures: Sequence[UInt8], fps: float = 25.0) -> list[list[Float32]]:
    with FaceFinder() as finder:
        return [finder.detect(VideoFrame(k / fps, picture)) for k, picture in enumerate(pictures)]


def placed(x: float, y: float, width: float, turned_deg: float = 0.0) -> Float32:
    """The affine map ``[2, 3]`` that brings a GRID picture to (x, y), its face so wide."""
    matrix = cv2.getRotationMatrix2D((144, 144), turned_deg, width / GRID_FACE)
    matrix[:, 2] += np.array([x - 144, y - 144])
    return np.asarray(matrix, np.float32)


def scene(*people: tuple[UInt8, Float32]) -> UInt8:
    """A large picture of people, each with the map that places them."""
    picture = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for rgb, matrix in people:
        shrink = float(np.hypot(matrix[0, 0], matrix[0, 1]))
        soft = cv2.GaussianBlur(rgb, (0, 0), 0.5 * np.sqrt(shrink**-2 - 1)) if shrink < 1 else rgb
        warped = cv2.warpAffine(soft, matrix, (WIDTH, HEIGHT), borderValue=(0, 0, 0))
        inside = cv2.warpAffine(np.full(rgb.shape[:2], 255, np.uint8), matrix, (WIDTH, HEIGHT))
        picture[inside == 255] = warped[inside == 255]
    return picture


def off(face: Float32, own: Float32, matrix: Float32) -> float:
    """How far landmarks lie from where the full-size ones are placed, RMS in eye distances."""
    true = own[list(POINTS), :2] @ matrix[:, :2].T + matrix[:, 2]
    distances = np.square(face[list(POINTS), :2] - true).sum(axis=1)
    return float(np.sqrt(distances.mean()) / np.hypot(*(true[-1] - true[-2])))


@pytest.mark.parametrize(
    ("width", "turned_deg"), [(80, 0), (60, 0), (60, 35)], ids=["80 px", "60 px", "60 px, turned"]
)
def test_a_face_far_away_is_found_within_ten_frames_where_it_is(
    people: list[list[UInt8]], landmarks: list[list[Float32]], width: int, turned_deg: float
) -> None:
    matrix = placed(1010, 530, width, turned_deg)
    seen = find([scene((rgb, matrix)) for rgb in people[0]])
    first = next(k for k, faces in enumerate(seen) if faces)
    assert first < 10
    assert all(len(faces) == 1 for faces in seen[first:]), "once found, it is followed"
    errors = [
        off(faces[0], own, matrix) for faces, own in zip(seen[first:], landmarks[0][first:], strict=True)
    ]
    assert np.median(errors) < 0.03


def test_in_dim_light_too(people: list[list[UInt8]], landmarks: list[list[Float32]]) -> None:
    matrix, rng = placed(300, 250, 80), np.random.default_rng(0)
    pictures = [0.25 * scene((rgb, matrix)) + rng.normal(0, 3, (HEIGHT, WIDTH, 3)) for rgb in people[0][:4]]
    seen = find([picture.clip(0, 255).astype(np.uint8) for picture in pictures])
    assert all(len(faces) == 1 for faces in seen[1:])
    assert off(seen[-1][0], landmarks[0][3], matrix) < 0.05


def test_a_face_that_walks_through_the_picture_is_followed(
    people: list[list[UInt8]], landmarks: list[list[Float32]]
) -> None:
    places = [placed(250 + 24 * k, 250 + 4 * k, 70 + k) for k in range(12)]
    seen = find([scene((rgb, matrix)) for rgb, matrix in zip(people[0], places, strict=True)])
    first = next(k for k, faces in enumerate(seen) if faces)
    for faces, own, matrix in zip(seen[first:], landmarks[0][first:], places[first:], strict=True):
        assert len(faces) == 1
        assert off(faces[0], own, matrix) < 0.06


def test_while_there_is_no_face_a_few_parts_of_each_frame_are_searched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shapes = []
    detect = FaceScan.detect

    def counted(self: FaceScan, rgb: UInt8) -> list[Float32]:
        shapes.append(rgb.shape)
        return detect(self, rgb)

    monkeypatch.setattr(FaceScan, "detect", counted)
    find([np.full((HEIGHT, WIDTH, 3), 128, np.uint8)] * 3)
    assert shapes == [(360, 360, 3)] * 6


def test_two_people_are_both_followed_near_and_far(
    people: list[list[UInt8]], landmarks: list[list[Float32]]
) -> None:
    near, far = placed(900, 360, 220), placed(300, 200, 130)
    seen = find([scene((one, near), (other, far)) for one, other in zip(*people, strict=True)][:5])
    for faces, one, other in zip(seen, *(own[:5] for own in landmarks), strict=True):
        big, small = sorted(faces, key=lambda face: -np.ptp(face[:, 0]))
        assert off(big, one, near) < 0.03
        assert off(small, other, far) < 0.03


def test_people_next_to_each_other_are_two(people: list[list[UInt8]]) -> None:
    left, right = placed(400, 360, 200), placed(700, 360, 200)
    seen = find([scene((one, left), (other, right)) for one, other in zip(*people, strict=True)][:4])
    assert [len(faces) for faces in seen] == [2] * 4


def test_a_camera_that_changes_its_size_goes_on(people: list[list[UInt8]]) -> None:
    large = [scene((rgb, placed(1000, 600, 80))) for rgb in people[0][:10]]
    seen = find([*large, *people[0][:4]])
    assert seen[9]
    assert all(len(faces) == 1 for faces in seen[10:])

"""The lip crop follows the face, not the mouth, and moves as steadily as the head does."""

import math

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream.stream.video.lips.crop import (
    CROP_SIZE,
    EYE_DISTANCE,
    LEFT_CORNER,
    LEFT_EYE,
    NOSE_TIP,
    RIGHT_CORNER,
    RIGHT_EYE,
    LipCropper,
)

Picture = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]
Complexes = npt.NDArray[np.complex128]

# A face in distances between its outer eye corners, from their middle; complex: x + iy.
FACE: dict[int, complex] = {
    LEFT_EYE: -0.5,
    RIGHT_EYE: 0.5,
    NOSE_TIP: 0.47j,
    LEFT_CORNER: -0.29 + 0.9j,
    RIGHT_CORNER: 0.29 + 0.9j,
}
MOUTH = 0.9j


def landmarks(origin: complex, axis: complex, face: dict[int, complex] = FACE) -> Points:
    """The face placed by ``origin + axis * point``; all points that must not matter are NaN."""
    points = np.full((478, 2), np.nan, dtype=np.float32)
    for index, point in face.items():
        placed = origin + axis * point
        points[index] = placed.real, placed.imag
    return points


def pattern(face_points: Complexes) -> Picture:
    """A smooth colourful picture of the plane of the face, uint8 ``[..., 3]``."""
    x, y = face_points.real, face_points.imag
    waves = np.stack([np.sin(5 * x + y), np.cos(4 * y - x), np.sin(3 * (x + y) ** 2)], axis=-1)
    return np.asarray(127.5 + 100 * waves).astype(np.uint8)


def photograph(origin: complex, axis: complex) -> Picture:
    x, y = np.meshgrid(np.arange(320), np.arange(240))
    return pattern((x + 1j * y - origin) / axis)


def ideal_crop() -> Picture:
    pixels = np.arange(CROP_SIZE) - (CROP_SIZE - 1) / 2
    x, y = np.meshgrid(pixels, pixels)
    return pattern(MOUTH + (x + 1j * y) / EYE_DISTANCE)


def crop_of(cropper: LipCropper, picture: Picture, points: Points, time_s: float) -> Picture:
    crop = cropper.update(picture, points, time_s)
    assert crop is not None
    return crop


def first_crop(picture: Picture, points: Points) -> Picture:
    return crop_of(LipCropper(), picture, points, 0.0)


def difference(a: Picture, b: Picture) -> float:
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


@settings(max_examples=30, deadline=None)
@given(
    eye_distance=st.floats(40, 160),
    tilt=st.floats(-np.pi, np.pi),
    x=st.floats(140, 180),
    y=st.floats(100, 140),
)
def test_crop_is_the_same_wherever_the_face_is_however_large_and_tilted(
    eye_distance: float, tilt: float, x: float, y: float
) -> None:
    axis = eye_distance * np.exp(1j * tilt)
    origin = x + 1j * y - axis * MOUTH  # the mouth lies at (x, y)
    crop = first_crop(photograph(origin, axis), landmarks(origin, axis))
    assert crop.shape == (96, 96, 3)
    assert crop.dtype == np.uint8
    middle = slice(24, 72)  # a large face reaches over the border of the picture with the rest
    assert difference(crop[middle, middle], ideal_crop()[middle, middle]) < 1.5


def test_mouth_takes_45_percent_of_the_width() -> None:
    mouth_width = abs(FACE[RIGHT_CORNER] - FACE[LEFT_CORNER]) * EYE_DISTANCE
    assert mouth_width / CROP_SIZE == pytest.approx(0.45, abs=0.02)


def test_crop_does_not_breathe_with_the_mouth() -> None:
    origin, axis = 160 + 80j, 60
    wide = {**FACE, LEFT_CORNER: -0.35 + 0.9j, RIGHT_CORNER: 0.35 + 0.9j}
    picture = photograph(origin, axis)
    closed = first_crop(picture, landmarks(origin, axis))
    spread = first_crop(picture, landmarks(origin, axis, wide))
    np.testing.assert_array_equal(closed, spread)


def test_beyond_the_border_the_edge_repeats() -> None:
    origin, axis = 4 - 20j, 60  # the mouth lies four pixels from the left edge of the picture
    crop = first_crop(photograph(origin, axis), landmarks(origin, axis))
    np.testing.assert_array_equal(crop[60, 0], crop[60, 20])


def test_a_large_face_is_averaged_down_without_aliasing() -> None:
    origin, axis = 1000 + 200j, 740.0
    stripes = np.zeros((1400, 2000, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    crop = first_crop(stripes, landmarks(origin, axis))
    assert crop.min() > 100
    assert crop.max() < 155


@pytest.mark.parametrize(
    "points",
    [
        None,
        landmarks(160 + 80j, 15),  # too small to read
        landmarks(160 + 80j, np.nan),
        landmarks(160 + 80j, 0),
        landmarks(160 - 80j, 60),  # the mouth is above the picture
        landmarks(400 + 80j, 60),
    ],
)
def test_no_crop_without_a_usable_mouth(points: Points | None) -> None:
    assert LipCropper().update(np.zeros((240, 320, 3), np.uint8), points, 0.0) is None


def follow(cropper: LipCropper, origins: list[complex]) -> list[Picture]:
    axis = 60
    return [
        crop_of(cropper, photograph(origin, axis), landmarks(origin, axis), 0.04 * k)
        for k, origin in enumerate(origins)
    ]


def test_crop_keeps_up_with_a_moving_head() -> None:
    speed = 2.4  # pixels a frame: a head that crosses its own width in two seconds
    crops = follow(LipCropper(), [100 + speed * k + 80j for k in range(40)])
    last, ideal = (crop.mean(axis=-1) for crop in (crops[-1], ideal_crop()))
    (lag_x, lag_y), _ = cv2.phaseCorrelate(last, ideal, cv2.createHanningWindow((96, 96), cv2.CV_64F))
    assert abs(lag_x) < 4
    assert abs(lag_y) < 0.5


def test_crop_is_steadier_than_the_landmarks() -> None:
    random = np.random.default_rng(0)
    origin, axis = 160 + 80j, 60
    picture = photograph(origin, axis)
    cropper, jumps = LipCropper(), []
    for k in range(50):
        jitter = random.normal(0, 0.7) + 1j * random.normal(0, 0.7)
        points = landmarks(origin + jitter, axis)
        smoothed = crop_of(cropper, picture, points, 0.04 * k)
        raw = first_crop(picture, points)
        jumps.append((difference(smoothed, ideal_crop()), difference(raw, ideal_crop())))
    smoothed_jump, raw_jump = np.mean(jumps[10:], axis=0)
    assert smoothed_jump < 0.6 * raw_jump


@pytest.mark.parametrize("pause", ["a long gap", "a reset", "time going back"])
def test_smoothing_starts_afresh_after(pause: str) -> None:
    cropper = LipCropper()
    cropper.update(photograph(100 + 80j, 60), landmarks(100 + 80j, 60), 1.0)
    if pause == "a reset":
        cropper.reset()
    time_s = {"a long gap": 1.6, "a reset": 1.04, "time going back": 0.5}[pause]
    crop = crop_of(cropper, photograph(200 + 80j, 60), landmarks(200 + 80j, 60), time_s)
    assert difference(crop, ideal_crop()) < 1.5


def test_a_short_loss_of_the_face_does_not_disturb_the_smoothing() -> None:
    cropper = LipCropper()
    picture, points = photograph(160 + 80j, 60), landmarks(160 + 80j, 60)
    before = crop_of(cropper, picture, points, 0.0)
    assert cropper.update(picture, None, 0.04) is None
    np.testing.assert_array_equal(crop_of(cropper, picture, points, 0.08), before)


def test_same_frames_give_the_same_crops() -> None:
    origins = [160 + 5 * math.sin(k) + 80j for k in range(6)]
    np.testing.assert_array_equal(follow(LipCropper(), origins), follow(LipCropper(), origins))

"""What is shown of a face when, in each condition of the judge."""

import numpy as np

from lipstream.core.arrays import Float32
from lipstream.models.lips.points import MIRRORED
from lipstream.models.store.registry import NO_VIDEO_AGE_S
from lipstream.train.gate.views import seen_as

TICKS = 60


def faces(count: int, first: float) -> Float32:
    """Faces whose first coordinate tells which one of a film it is."""
    landmarks = np.ones((count, 44, 3), np.float32)
    landmarks[:, 0, 0] = first + np.arange(count)
    return landmarks


OWN, OTHER = faces(TICKS, 1.0), faces(25, 1001.0)


def shown(condition: str) -> tuple[list[int], list[float]]:
    """Numbers of the pictures, from 0, those of the other from 1000; ages in ticks."""
    landmarks, age_s = seen_as(condition, OWN, OTHER)
    assert landmarks.shape == OWN.shape
    return (landmarks[:, 0, 0] - 1).astype(int).tolist(), np.round(age_s / 0.04).tolist()


def test_right_lips_are_as_they_are() -> None:
    assert shown("right") == ([*range(TICKS)], [0.0] * TICKS)


def test_a_shorter_clip_of_another_person_is_repeated() -> None:
    pictures, age = shown("wrong person")
    assert pictures == [1000 + tick % 25 for tick in range(TICKS)]
    assert age == [0.0] * TICKS


def test_late_still_and_frozen_pictures_claim_to_be_new() -> None:
    assert shown("late 0.48 s") == ([0] * 12 + [*range(TICKS - 12)], [0.0] * TICKS)
    assert shown("still") == ([0] * TICKS, [0.0] * TICKS)
    assert shown("frozen half way") == ([*range(30), *[30] * 30], [0.0] * TICKS)


def test_slow_and_dropped_pictures_age() -> None:
    pictures, age = shown("5 fps")
    assert pictures[:11] == [0] * 5 + [5] * 5 + [10]
    assert age[:11] == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0]
    pictures, age = shown("dropped")
    assert pictures[:27] == [*range(12), *[11] * 13, 25, 26]
    assert age[11:27] == [*range(14), 0, 0]


def test_a_mirrored_face_has_its_points_on_the_other_side() -> None:
    landmarks, _ = seen_as("mirrored", OWN, OTHER)
    np.testing.assert_array_equal(landmarks, OWN[:, list(MIRRORED)] * [-1, 1, 1])


def test_ticks_without_a_face_are_no_video_and_a_photograph_is_of_the_first_face() -> None:
    own = OWN.copy()
    own[:3] = 0.0
    _, age_s = seen_as("right", own, OTHER)
    assert (age_s[:3] == np.float32(NO_VIDEO_AGE_S)).all()
    assert not age_s[3:].any()
    landmarks, _ = seen_as("still", own, OTHER)
    np.testing.assert_array_equal(landmarks, np.repeat(OWN[3:4], TICKS, axis=0))

"""What is shown of a face when, in each condition of the judge."""

from collections.abc import Callable

import numpy as np

from lipstream.core.arrays import Float32
from lipstream.models.lips.points import MIRRORED
from lipstream.models.store.registry import NO_VIDEO_AGE_S
from lipstream.train.cue.views import example_of
from lipstream.train.data.landmark_corpus import LandmarkClip
from lipstream.train.gate.views import CONDITIONS, People, as_counted, seen_as

TICKS = 60


def faces(count: int, first: float) -> Float32:
    """Faces whose first coordinate tells which one of a film it is."""
    landmarks = np.ones((count, 44, 3), np.float32)
    landmarks[:, 0, 0] = first + np.arange(count)
    return landmarks


OWN, OTHER = faces(TICKS, 1.0), faces(25, 1001.0)
PHOTOGRAPH, CHOSEN = faces(TICKS, 2001.0), faces(TICKS, 3001.0)
RESIDUAL = {"late 200 ms, auto": 0, "early 200 ms, auto": -5}


def people(own: Float32 = OWN) -> People:
    return People(own, OTHER, PHOTOGRAPH, CHOSEN, RESIDUAL)


def shown(condition: str) -> tuple[list[int], list[float]]:
    """Numbers of the pictures, from 0, those of the other from 1000; ages in ticks."""
    landmarks, age_s = seen_as(condition, people())
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
    assert shown("identical still") == ([0] * TICKS, [0.0] * TICKS)
    assert shown("frozen half way") == ([*range(30), *[30] * 30], [0.0] * TICKS)


def test_slow_and_dropped_pictures_age() -> None:
    pictures, age = shown("5 fps")
    assert pictures[:11] == [0] * 5 + [5] * 5 + [10]
    assert age[:11] == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0]
    pictures, age = shown("dropped")
    assert pictures[:27] == [*range(12), *[11] * 13, 25, 26]
    assert age[11:27] == [*range(14), 0, 0]


def test_a_mirrored_face_has_its_points_on_the_other_side() -> None:
    landmarks, _ = seen_as("mirrored", people())
    np.testing.assert_array_equal(landmarks, OWN[:, list(MIRRORED)] * [-1, 1, 1])


def test_ticks_without_a_face_are_no_video_and_a_photograph_is_of_the_first_face() -> None:
    own = OWN.copy()
    own[:3] = 0.0
    _, age_s = seen_as("right", people(own))
    assert (age_s[:3] == np.float32(NO_VIDEO_AGE_S)).all()
    assert not age_s[3:].any()
    landmarks, _ = seen_as("identical still", people(own))
    np.testing.assert_array_equal(landmarks, np.repeat(OWN[3:4], TICKS, axis=0))


def test_a_filmed_photograph_and_the_face_that_is_chosen_are_given() -> None:
    assert shown("H.264 still") == ([2000 + tick for tick in range(TICKS)], [0.0] * TICKS)
    assert shown("bigger second face") == ([3000 + tick for tick in range(TICKS)], [0.0] * TICKS)


def test_a_covered_lens_is_no_video() -> None:
    landmarks, age_s = seen_as("black", people())
    assert not landmarks.any()
    assert (age_s == np.float32(NO_VIDEO_AGE_S)).all()


def test_lips_are_as_late_or_early_as_auto_leaves_them() -> None:
    assert shown("late 200 ms, auto") == ([*range(TICKS)], [0.0] * TICKS)
    assert shown("early 200 ms, auto")[0] == [*range(5, TICKS), *[TICKS - 1] * 5]


def test_only_movement_counts_as_in_the_product(make_clip: Callable[..., LandmarkClip]) -> None:
    own = example_of(make_clip("a", 1, 3.0)).landmarks
    seen = {
        condition: as_counted(*seen_as(condition, People(own, own, own[[5] * len(own)], own, RESIDUAL)))
        for condition in CONDITIONS
    }
    assert (seen["right"][1][2:] < 0.2).all()
    for condition in ("black", "identical still", "H.264 still"):
        assert (seen[condition][1] > 1).all()
    half = len(own) // 2
    assert (np.diff(seen["frozen half way"][1][half + 2 : half + 20]) > 0).all(), "it ages"

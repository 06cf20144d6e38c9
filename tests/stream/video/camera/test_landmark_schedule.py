"""Which frames are searched for a face: every other one of a calm face, else all."""

from collections.abc import Callable

import numpy as np
import pytest

from lipstream.core.arrays import Float32
from lipstream.stream.video.camera.landmark_schedule import LandmarkSchedule
from lipstream.stream.video.lips.crop import LEFT_CORNER, LEFT_EYE, NOSE_TIP, RIGHT_CORNER, RIGHT_EYE

EYE_DISTANCE = 60.0
FACE = {LEFT_EYE: -0.5, RIGHT_EYE: 0.5, NOSE_TIP: 0.47j, LEFT_CORNER: -0.3 + 0.9j, RIGHT_CORNER: 0.3 + 0.9j}


def face(moved: complex = 0j, turned: complex = 1 + 0j) -> Float32:
    """Landmarks of a face moved by so many eye distances; other points are NaN."""
    points = np.full((478, 2), np.nan, np.float32)
    for index, point in FACE.items():
        placed = 300 + 200j + EYE_DISTANCE * (turned * point + moved)
        points[index] = placed.real, placed.imag
    return points


def looks(see: Callable[[float], Float32 | None], seconds: float = 2.0, fps: float = 25.0) -> list[float]:
    """The times of the frames looked at, of those with what is to be seen in each."""
    pace, times_s = LandmarkSchedule(), []
    for time_s in np.arange(0, seconds, 1 / fps):
        if pace.due(time_s):
            pace.looked(see(time_s), time_s)
            times_s.append(time_s)
    return times_s


def test_a_face_that_is_new_is_looked_at_all_the_time_and_a_calm_one_every_other() -> None:
    gaps_s = np.diff(looks(lambda time_s: face()))
    np.testing.assert_allclose(gaps_s[:7], 0.04)  # for 0.3 s
    np.testing.assert_allclose(gaps_s[8:], 0.08)


def test_speech_and_a_slow_head_are_calm() -> None:
    swaying = looks(lambda time_s: face(0.3 * np.sin(2 * np.pi * 0.3 * time_s)))
    assert len(swaying) < 0.62 * 50


@pytest.mark.parametrize("fps", [5.0, 12.5])
def test_a_slow_camera_gets_a_look_at_each_frame(fps: float) -> None:
    assert len(looks(lambda time_s: face(), fps=fps)) == round(2 * fps)


def test_without_a_face_to_follow_each_frame_is_looked_at() -> None:
    assert len(looks(lambda time_s: None)) == 50
    assert len(looks(lambda time_s: np.full((478, 2), np.nan, np.float32))) == 50
    lost = looks(lambda time_s: face() if time_s < 1 else None)
    assert len([time_s for time_s in lost if time_s > 1.05]) >= 23


@pytest.mark.parametrize(
    "move",
    [
        lambda time_s: face(1.5 * time_s),
        lambda time_s: face(turned=np.exp(2j * time_s)),
        lambda time_s: face(turned=np.exp(1.5 * time_s)),
        lambda time_s: face(0.3j * np.sin(2 * np.pi * 2 * time_s)),
    ],
    ids=["sideways", "turning", "nearer", "nodding"],
)
def test_while_it_moves_fast_each_frame_is_looked_at(move: Callable[[float], Float32]) -> None:
    assert len(looks(move)) == 50


def test_after_a_jump_each_frame_is_looked_at_until_it_is_calm_again() -> None:
    times_s = looks(lambda time_s: face(0.5 if time_s > 1 else 0))
    after = np.diff([time_s for time_s in times_s if time_s > 1.05])
    np.testing.assert_allclose(after[:6], 0.04)
    np.testing.assert_allclose(after[-4:], 0.08)


def test_a_time_that_goes_back_is_looked_at() -> None:
    pace = LandmarkSchedule()
    for k in range(20):
        pace.looked(face(), k / 25)
    assert not pace.due(20 / 25)
    assert pace.due(0.5)

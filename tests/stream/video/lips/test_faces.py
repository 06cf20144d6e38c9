"""Which of several faces counts: the one tracked before, unless another one speaks."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipstream.core.arrays import Float32
from lipstream.stream.video.lips.crop import LEFT_EYE, RIGHT_EYE
from lipstream.stream.video.lips.faces import (
    LOWER_LIP,
    UPPER_LIP,
    Agreement,
    ChosenFace,
    FaceChooser,
    mouth_opening,
)

Opening = Callable[[float], float]


def face(x: float, eye_distance: float = 60.0, opening: float = 0.05) -> Float32:
    """Landmarks of an upright face whose eyes have their middle at (x, 100); other points are NaN."""
    points = np.full((478, 3), np.nan, np.float32)
    points[LEFT_EYE, :2] = x - eye_distance / 2, 100
    points[RIGHT_EYE, :2] = x + eye_distance / 2, 100
    points[UPPER_LIP, :2] = x, 150
    points[LOWER_LIP, :2] = x, 150 + opening * eye_distance
    return points


def speaking(time_s: float) -> float:
    return 0.1 + 0.08 * math.sin(2 * math.pi * 3 * time_s)


def silent(time_s: float) -> float:
    return 0.05 + 0.002 * math.sin(97 * time_s)


def watch(
    chooser: FaceChooser, people: dict[float, Opening], start_s: float, stop_s: float
) -> list[ChosenFace | None]:
    """Show the chooser people, by their place, at 25 fps; their order in the list changes all the time."""
    seen = []
    for k in range(round(25 * start_s), round(25 * stop_s)):
        faces = [face(x, opening=opening(k / 25)) for x, opening in people.items()]
        seen.append(chooser.update(faces[:: 1 if k % 2 else -1], k / 25))
    return seen


def places(chosen: Sequence[ChosenFace | None]) -> list[int | None]:
    return [None if one is None else round(float(one.landmarks[UPPER_LIP, 0])) for one in chosen]


def test_a_single_face_is_chosen_at_once_and_keeps_its_track() -> None:
    seen = watch(FaceChooser(), {200.0: silent}, 0, 2)
    assert {one.track for one in seen if one} == {1}
    assert None not in seen


def test_the_larger_face_is_chosen_first() -> None:
    assert places([FaceChooser().update([face(100, 40), face(300, 80)], 0.0)]) == [300]


def test_the_face_tracked_before_stays_though_another_one_comes_and_moves_alike() -> None:
    chooser = FaceChooser()
    watch(chooser, {200.0: speaking}, 0, 2)
    assert set(places(watch(chooser, {500.0: speaking, 200.0: speaking}, 2, 6))) == {200}


def test_lips_go_over_to_the_one_who_speaks_and_not_at_once() -> None:
    chooser = FaceChooser()
    watch(chooser, {200.0: speaking, 500.0: silent}, 0, 3)
    seen = places(watch(chooser, {200.0: silent, 500.0: speaking}, 3, 7))
    assert set(seen[:10]) == {200}
    assert set(seen[75:]) == {500}
    assert seen == sorted(seen, key=str), "one change, not a to and fro"


def test_a_photograph_is_left_as_soon_as_somebody_else_speaks_however_large_it_is() -> None:
    def photograph(time_s: float) -> float:
        return 0.2 + 0.0002 * math.sin(97 * time_s)

    chooser = FaceChooser()
    people: dict[float, Opening] = {200.0: photograph, 500.0: speaking}
    chooser.update([face(200, 120, photograph(0)), face(500, 40, speaking(0))], 0.0)
    seen = places(watch(chooser, people, 0.04, 4))
    assert set(seen[15:]) == {500}
    assert set(places(watch(chooser, people | {500.0: silent}, 4, 8))) == {500}, "a pause is no reason"


def heard(person: float) -> Agreement:
    """The sound goes with the mouth that speaks as this fast, and none of the others."""

    def agreement(times_s: np.ndarray, openings: np.ndarray) -> float | None:
        if times_s[-1] - times_s[0] < 3:
            return None
        said = 0.1 + 0.08 * np.sin(2 * math.pi * person * times_s)
        return float(np.corrcoef(openings, said)[0, 1])

    return agreement


def talking(rate: float, size: float = 0.08) -> Opening:
    return lambda time_s: 0.1 + size * math.sin(2 * math.pi * rate * time_s)


def test_of_two_who_move_their_lips_the_one_that_is_heard_is_chosen_and_stays() -> None:
    people = {200.0: talking(2.3), 500.0: talking(3.1, 0.05)}
    right, wrong = FaceChooser(heard(2.3)), FaceChooser(heard(3.1))
    for chooser in (right, wrong):
        watch(chooser, {200.0: people[200.0]}, 0, 0.2)
    assert set(places(watch(right, people, 0.2, 8))) == {200}
    seen = places(watch(wrong, people, 0.2, 8))
    assert seen[0] == 200
    assert set(seen[125:]) == {500}
    assert seen == sorted(seen, key=str), "one change, not a to and fro"


def test_who_moves_much_more_but_is_not_heard_is_not_chosen() -> None:
    people = {200.0: talking(2.3, 0.03), 500.0: talking(3.1, 0.1)}
    chooser = FaceChooser(heard(2.3))
    watch(chooser, {200.0: people[200.0]}, 0, 4)
    assert set(places(watch(chooser, people, 4, 12))) <= {200, 500}
    assert set(places(watch(chooser, people, 12, 16))) == {200}


def test_pauses_of_the_speaker_change_nothing_while_the_others_are_still() -> None:
    chooser = FaceChooser()
    watch(chooser, {200.0: speaking, 500.0: silent}, 0, 2)
    assert set(places(watch(chooser, {200.0: silent, 500.0: silent}, 2, 10))) == {200}


def test_a_face_that_is_gone_is_waited_for_then_replaced_under_another_track() -> None:
    chooser = FaceChooser()
    first = watch(chooser, {200.0: speaking}, 0, 1)[-1]
    seen = watch(chooser, {500.0: silent}, 1, 4)
    assert places(seen)[:20] == [None] * 20
    assert places(seen)[-1] == 500
    assert first is not None
    assert seen[-1] is not None
    assert seen[-1].track != first.track


def test_a_moving_face_keeps_its_track() -> None:
    chooser = FaceChooser()
    tracks = [chooser.update([face(100 + 8 * k), face(900 - 8 * k, 40)], k / 25) for k in range(25)]
    assert {one.track for one in tracks if one} == {1}
    assert places(tracks)[-1] == 100 + 8 * 24


def test_a_face_of_no_number_is_passed_over() -> None:
    broken = np.full((478, 2), np.nan, np.float32)
    assert places([FaceChooser().update([broken, face(100)], 0.0)]) == [100]
    assert FaceChooser().update([broken], 0.0) is None


def test_mouth_opening_is_in_eye_distances() -> None:
    assert mouth_opening(face(100, 60, 0.25)) == pytest.approx(0.25)
    assert mouth_opening(face(100, 120, 0.25)) == pytest.approx(0.25)
    assert mouth_opening(face(100, 0.0)) is None


@given(
    st.lists(
        st.lists(st.tuples(st.floats(0, 640), st.floats(20, 100), st.floats(0, 0.5)), max_size=4), max_size=30
    )
)
def test_what_is_chosen_is_always_one_of_the_faces_shown(
    frames: list[list[tuple[float, float, float]]],
) -> None:
    chooser = FaceChooser()
    for k, shown in enumerate(frames):
        faces = [face(*one) for one in shown]
        chosen = chooser.update(faces, k / 25)
        assert chosen is None or any(chosen.landmarks is one for one in faces)

"""How much audio is buffered: more after repeated underruns, less after a calm; cuts only for what stays."""

import pytest

from lipstream.stream.live.buffers.control import (
    CALM_S,
    CUT_S,
    PATIENCE_S,
    STEP_S,
    AdaptiveTarget,
    ExcessDetector,
)

LEAST_S, MOST_S = 0.03, 0.13


def target_after(*at: tuple[float, bool], lacks_s: tuple[float, ...] = (), until_s: float = 0.0) -> float:
    target = AdaptiveTarget()
    lacks_s = lacks_s or (0.0,) * len(at)
    for count, ((time_s, settled), lack_s) in enumerate(zip(at, lacks_s, strict=True), 1):
        target.update(time_s, count, lack_s, settled, LEAST_S, MOST_S)
    return target.update(max(until_s, at[-1][0]), len(at), lacks_s[-1], True, LEAST_S, MOST_S)


def test_one_underrun_is_an_accident_and_two_are_none() -> None:
    assert target_after((100.0, True)) == LEAST_S
    assert target_after((100.0, True), (150.0, True)) == LEAST_S
    assert target_after((100.0, True), (105.0, True)) == LEAST_S + STEP_S


def test_two_underruns_raise_it_by_what_both_lacked_and_calm_takes_half_of_it_back() -> None:
    underruns = ((100.0, True), (105.0, True))
    assert target_after(*underruns, lacks_s=(0.04, 0.09)) == pytest.approx(LEAST_S + 0.04)
    assert target_after(*underruns, lacks_s=(0.09, 0.04)) == pytest.approx(LEAST_S + 0.04)
    assert target_after(*underruns, lacks_s=(0.04, 0.09), until_s=105 + CALM_S + 1) == pytest.approx(
        LEAST_S + 0.02
    )


def test_underruns_while_devices_start_teach_nothing() -> None:
    assert target_after((0.1, False), (0.2, False), (0.3, False)) == LEAST_S


def test_no_underruns_raise_it_above_what_is_allowed() -> None:
    assert target_after(*[(float(second), True) for second in range(1, 50)]) == MOST_S


def test_a_long_calm_takes_a_step_back() -> None:
    assert target_after((100.0, True), (105.0, True), until_s=105 + CALM_S + 1) == LEAST_S


def test_an_excess_is_cut_once_it_has_stayed_and_by_what_there_was_all_the_time() -> None:
    detector = ExcessDetector()
    assert detector.update(0.0, 0.30, 1.0) == 0
    assert detector.update(PATIENCE_S / 2, 0.20, 1.0) == 0
    assert detector.update(PATIENCE_S, 0.25, 1.0) == 0.20
    assert detector.update(PATIENCE_S + 0.1, 0.05, 1.0) == 0


def test_an_excess_that_passes_or_was_forgotten_is_not_cut() -> None:
    detector = ExcessDetector()
    detector.update(0.0, 0.30, 1.0)
    detector.update(0.3, CUT_S, 1.0)
    assert detector.update(0.6, 0.30, 1.0) == 0
    detector.reset()
    assert detector.update(1.2, 0.30, 1.0) == 0


def test_more_than_is_allowed_is_cut_at_once_and_whole() -> None:
    assert ExcessDetector().update(0.0, 0.30, 0.1) == 0.30

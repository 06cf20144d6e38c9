"""What each kind of video changes, against sound alone."""

import math

import pytest

from lipstream.bench.evaluation.results import AlphaTrace, Record, Results
from lipstream.bench.evaluation.video_effect import video_effects


def record(name: str, kind: str, alone: float, good: float, black: float) -> Record:
    values = {"noisy": 0.0, "lite": alone, "lite + video": good, "lite + black video": black, "DFN3": 9.0}
    scores = {signal: {"si_sdr_db": value} for signal, value in values.items()}
    return Record(name, "talker", 0.0, scores, kind, dataset="av")


def test_changes_are_against_the_same_system_from_sound_alone():
    items = [
        record("a", "seen", 1.0, 4.0, 0.9),
        record("b", "unseen", 2.0, 3.0, 2.0),
        record("c", "seen", 1.0, math.nan, 1.0),
    ]
    alpha = [
        AlphaTrace("av", "a", "lite + video", 0.02, [0.5, 0.7]),
        AlphaTrace("av", "b", "lite + video", 0.02, [0.8]),
        AlphaTrace("audio", "b", "lite + video", 0.02, [0.0]),
    ]
    effects = video_effects(Results({}, {}, items, alpha))
    assert [effect.group for effect in effects] == ["talker", "talker, seen", "talker, unseen", "all"]
    assert {effect.system for effect in effects} == {"lite"}
    talker = effects[0]
    assert talker.sound_alone.value == 1.5
    assert talker.change["good"].value == pytest.approx(2.0)
    assert talker.change["black"].value == pytest.approx(-0.05)
    assert talker.alpha["good"].value == pytest.approx(0.7)
    assert math.isnan(talker.alpha["black"].value)
    assert effects[1].change["good"].value == pytest.approx(3.0)


def test_without_videos_there_are_no_effects():
    assert video_effects(Results({}, {}, [Record("a", "noise", 0.0, {"lite": {"si_sdr_db": 1.0}})])) == []

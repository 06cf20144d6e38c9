"""Cues without video: each kind is what it says it is, and says whether it may be trusted."""

from collections import Counter

import numpy as np
import pytest

from lipstream.core.arrays import Float32
from lipstream.errors import InputError
from lipstream.models.store.registry import NO_VIDEO_AGE_S
from lipstream.train.cue.errors import load_errors
from lipstream.train.cue.levels import true_cue
from lipstream.train.mixing.cues import KINDS, CueConfig, CueKind, CueView, RealCues, draw_cue, make_cue

FRAMES, FRAME_S = 320, 0.0125  # 4 s
ERRORS = load_errors()


def speech(seed: int, seconds: float = 4.0) -> Float32:
    """Noise in syllables."""
    rng = np.random.default_rng(seed)
    knots = np.arange(0.0, seconds + 0.1, 0.1)
    times_s = np.arange(round(16000 * seconds)) / 16000
    level = np.interp(times_s, knots, rng.uniform(-40.0, 0.0, len(knots)))
    return np.asarray(0.1 * rng.standard_normal(len(times_s)) * 10 ** (level / 20), np.float32)


CLEAN, OTHER = speech(1), speech(2)


def cues(kind: CueKind, config: CueConfig | None = None, count: int = 20) -> list[CueView]:
    rng = np.random.default_rng(0)
    return [
        make_cue(kind, CLEAN, OTHER, FRAMES, FRAME_S, ERRORS, config or CueConfig(), rng)
        for _ in range(count)
    ]


def agreement(views: list[CueView], sound: Float32, delay: int = 0) -> float:
    """Mean correlation of what is said of all bands with the truth ``delay`` ticks before."""
    truth = true_cue(sound)[:, 4]
    pairs = [(view.cue[delay:, 4], truth[: len(truth) - delay]) for view in views]
    return float(np.mean([np.corrcoef(*pair)[0, 1] for pair in pairs]))


def test_a_right_cue_follows_the_voice_that_is_meant() -> None:
    views = cues("right")
    assert agreement(views, CLEAN) > 0.4
    assert abs(agreement(views, OTHER)) < 0.2
    assert all(view.trust == 1.0 for view in views)
    assert all(view.age_s.max() <= 0.04 for view in views)


def test_a_wrong_cue_follows_somebody_else() -> None:
    views = cues("wrong")
    assert agreement(views, OTHER) > 0.4
    assert abs(agreement(views, CLEAN)) < 0.2
    assert all(view.trust == 0.0 for view in views)


@pytest.mark.parametrize("delay_s", [0.2, 0.6])
def test_a_late_cue_is_as_late_as_it_says(delay_s: float) -> None:
    views = cues("late", CueConfig(late_s=(delay_s, delay_s)))
    found = [agreement(views, CLEAN, delay) for delay in range(25)]
    assert abs(int(np.argmax(found)) - round(delay_s / 0.04)) <= 1
    assert max(found) > 0.4
    assert all(view.trust == 0.0 for view in views)


def test_a_right_cue_may_be_a_tick_late_but_no_more() -> None:
    early, both = cues("right", CueConfig(delay_ticks=0), 60), cues("right", CueConfig(delay_ticks=1), 60)
    gains = [agreement(views, CLEAN, 1) - agreement(views, CLEAN, 0) for views in (early, both)]
    assert gains[0] < gains[1]
    assert agreement(both, CLEAN, 1) > agreement(both, CLEAN, 3)


def test_a_still_cue_says_next_to_nothing_and_never_changes() -> None:
    right, views = cues("right"), cues("still")
    assert all(np.ptp(view.cue, axis=0).max() == 0.0 for view in views)
    assert np.mean([np.abs(view.cue[:, :5]).mean() for view in views]) < 0.5 * np.mean(
        [np.abs(view.cue[:, :5]).mean() for view in right]
    )
    assert np.mean([view.cue[:, 5:].mean() for view in views]) > np.mean([v.cue[:, 5:].mean() for v in right])
    assert all(view.trust == 0.0 for view in views)


def test_a_cue_with_gaps_ages_in_them_and_may_be_trusted() -> None:
    views = cues("dropped")
    assert agreement(views, CLEAN) > 0.4
    assert all(view.trust == 1.0 for view in views)
    assert all(view.age_s.max() > 0.04 for view in views)
    for view in views:
        known = view.age_s < 10.0
        ends_s = (np.arange(FRAMES) + 1) * FRAME_S
        np.testing.assert_allclose((ends_s - view.age_s)[known], 0.04 * view.newest[known], atol=1e-5)


def test_an_absent_cue_never_comes() -> None:
    for view in cues("absent"):
        assert (view.age_s == np.float32(NO_VIDEO_AGE_S)).all()
        assert view.trust == 0.0


def test_real_cues_are_passed_on_as_they_are_or_late() -> None:
    own, other = (np.tile(np.arange(100.0, dtype=np.float32)[:, None] + 1000 * k, (1, 10)) for k in range(2))
    config = CueConfig(delay_ticks=0, late_s=(0.2, 0.2))
    wanted_of: dict[CueKind, Float32] = {
        "right": own,
        "wrong": other,
        "late": own[(np.arange(100) - 5).clip(0)],
    }
    for kind, wanted in wanted_of.items():
        rng = np.random.default_rng(0)
        view = make_cue(kind, CLEAN, OTHER, FRAMES, FRAME_S, ERRORS, config, rng, RealCues(own, other))
        np.testing.assert_array_equal(view.cue, wanted)


def test_kinds_come_as_often_as_their_weights_say() -> None:
    config, rng = CueConfig(weights=(0.5, 0.0, 0.0, 0.25, 0.0, 0.25)), np.random.default_rng(0)
    short = CLEAN[:3200], OTHER[:3200]
    drawn = Counter(draw_cue(*short, 16, FRAME_S, ERRORS, config, rng).kind for _ in range(400))
    assert set(drawn) == {"right", "still", "absent"}
    assert drawn["right"] == pytest.approx(200, abs=40)


def test_a_cue_is_drawn_by_the_generator_alone() -> None:
    def draw(seed: int) -> CueView:
        return draw_cue(CLEAN, OTHER, FRAMES, FRAME_S, ERRORS, CueConfig(), np.random.default_rng(seed))

    for seed in range(6):
        first, again = draw(seed), draw(seed)
        assert first.kind == again.kind
        np.testing.assert_array_equal(first.cue, again.cue)
        np.testing.assert_array_equal(first.age_s, again.age_s)


def test_silence_has_a_cue_like_any_other() -> None:
    silence = np.zeros(32000, np.float32)
    for kind in KINDS:
        view = make_cue(kind, silence, silence, 160, FRAME_S, ERRORS, CueConfig(), np.random.default_rng(0))
        assert view.cue.shape == (50, 10)
        assert np.isfinite(view.cue).all()


@pytest.mark.parametrize(
    "wrong", [{"weights": (1.0,)}, {"delay_ticks": -1}, {"late_s": (0.6, 0.1)}, {"gap_s": (0.0, 1.0)}]
)
def test_impossible_cues_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="cues"):
        CueConfig(**wrong)  # type: ignore[arg-type]

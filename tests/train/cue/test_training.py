"""Encoder C learns from talking faces, keeps its weights in a file, is judged on speakers it never met."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lipstream.errors import InputError
from lipstream.models.config import LandmarkConfig
from lipstream.models.lips.landmarks import LandmarkVisualEncoder
from lipstream.models.store.landmark_weights import CUE_WEIGHTS, load_encoder, read_about, save_encoder
from lipstream.train.cue.evaluation import (
    Prediction,
    hold_out,
    load_predictions,
    load_sounds,
    predict,
    save_predictions,
    score,
)
from lipstream.train.cue.training import CueRecipe, train_cue
from lipstream.train.cue.views import Example, View, ViewConfig, example_of
from lipstream.train.data.landmark_corpus import LandmarkClip

SHORT = CueRecipe(
    steps=200,
    batch=8,
    seconds=2.0,
    learning_rate=1e-2,
    feature_noise=0.05,
    feature_dropout=0.0,
    encoder=LandmarkConfig(channels=8, members=2),
    views=ViewConfig(mirror=0.0, turn_deg=5.0, jitter=(5e-4, 1e-3), frozen=0.3, lost=0.0),
)


@pytest.fixture(scope="module")
def examples(make_clip: Callable[..., LandmarkClip]) -> list[Example]:
    return [example_of(make_clip(speaker, 10 * i + k)) for i, speaker in enumerate("abc") for k in range(3)]


@pytest.fixture(scope="module")
def trained(examples: list[Example]) -> LandmarkVisualEncoder:
    """Trained on speakers a and b."""
    return train_cue(examples[:6], SHORT)


def test_it_learns_what_a_mouth_says_of_a_strangers_voice(
    examples: list[Example], trained: LandmarkVisualEncoder
) -> None:
    scores = score([predict(trained, example) for example in examples[6:]])
    assert scores.correlation[-1] > 0.6
    assert scores.likelihood[-1] > 0.1
    assert list(scores.speakers) == ["c"]


def test_a_still_face_makes_it_less_sure_and_its_mean_small(
    examples: list[Example], trained: LandmarkVisualEncoder
) -> None:
    example = examples[7]
    still = torch.from_numpy(example.landmarks[:1])[None].expand(-1, 50, -1, -1)
    frozen = predict(trained, example, View(still, torch.zeros(1, 50)))
    moving = predict(trained, example)
    assert np.abs(frozen.mean[25:]).mean() < 0.5 * np.abs(moving.mean[25:]).mean()
    assert frozen.log_variance[25:].mean() > moving.log_variance[25:].mean()


def test_training_is_repeatable(examples: list[Example]) -> None:
    short = CueRecipe(steps=3, batch=4, encoder=SHORT.encoder)
    first, again = (train_cue(examples, short).state_dict() for _ in range(2))
    assert all(torch.equal(value, again[name]) for name, value in first.items())


def test_each_speaker_is_held_out_once(examples: list[Example]) -> None:
    held = hold_out(examples, CueRecipe(steps=2, batch=4, encoder=SHORT.encoder), 3)
    assert [clip.speaker for clip in held.steady] == [*"aaabbbccc"]
    assert all(np.array_equal(*pair) for pair in zip(held.sounds, (e.sound for e in examples), strict=True))
    assert len(held.begun) == len(held.varied) == len(held.still) == 3
    assert "dB" in held.describe_still()
    with pytest.raises(InputError, match="from 2 to the number of speakers, 3"):
        hold_out(examples, SHORT, 4)


def test_scores_of_a_cue_that_knows_all_and_of_one_that_knows_nothing() -> None:
    rng = np.random.default_rng(0)
    truth, other = rng.standard_normal((2, 400, 5)).astype(np.float32)
    blind = Prediction("a", other, np.zeros_like(truth), truth)
    sure = Prediction("b", truth + np.float32(0.1) * other, np.full_like(truth, 2 * np.log(0.1)), truth)
    assert abs(np.mean(score([blind]).correlation)) < 0.1
    known = score([sure])
    np.testing.assert_allclose(known.correlation, 1.0, atol=0.01)
    np.testing.assert_allclose(known.calibration, 1.0, atol=0.2)
    np.testing.assert_allclose(known.likelihood, np.log(10.0), atol=0.2)
    assert "3500-7500" in known.text()
    with pytest.raises(InputError, match="no cues to judge"):
        score([])


def test_what_all_clips_have_in_common_is_no_merit_of_lips() -> None:
    """A cue that knows when clips of this corpus have speech, and no face."""
    rng = np.random.default_rng(0)
    common = rng.standard_normal((50, 5)).astype(np.float32)
    truths = common + np.float32(0.3) * rng.standard_normal((20, 50, 5)).astype(np.float32)
    clock = [Prediction("a", common, np.zeros_like(common), truth) for truth in truths]
    scores = score(clock)
    assert min(scores.correlation) > 0.9
    assert min(scores.clock) > 0.9
    assert max(map(abs, scores.within)) < 0.1


def test_cues_are_kept_in_a_file(
    trained: LandmarkVisualEncoder, examples: list[Example], tmp_path: Path
) -> None:
    made = [predict(trained, example) for example in examples[4:]]
    sounds = [example.sound for example in examples[4:]]
    save_predictions(made, sounds, tmp_path / "cues.npz")
    for sound, kept in zip(sounds, load_sounds(tmp_path / "cues.npz"), strict=True):
        np.testing.assert_allclose(kept, sound[: len(kept)], atol=1e-4)
    for before, after in zip(made, load_predictions(tmp_path / "cues.npz"), strict=True):
        assert before.speaker == after.speaker
        np.testing.assert_allclose(after.mean, before.mean, atol=5e-3)
        np.testing.assert_allclose(after.truth, before.truth, atol=5e-3)
    with pytest.raises(InputError, match="holds no cues"):
        load_predictions(tmp_path / "none.npz")
    with pytest.raises(InputError, match="holds no cues with sound"):
        load_sounds(Path(__file__).parent / "held_out.npz")


def test_weights_come_back_with_what_is_known_of_them(
    trained: LandmarkVisualEncoder, examples: list[Example], tmp_path: Path
) -> None:
    file = tmp_path / "cue.safetensors"
    save_encoder(trained, file, {"clips": 6})
    assert read_about(file)["about"] == {"clips": 6}
    again = predict(load_encoder(file), examples[0])
    np.testing.assert_array_equal(again.mean, predict(trained, examples[0]).mean)


def test_the_shipped_weights_are_small_and_say_how_good_they_are() -> None:
    assert sum(value.numel() for value in load_encoder(CUE_WEIGHTS).state_dict().values()) < 75_000
    figures = read_about()["about"]["figures"]
    assert figures["held_out_speakers"]["within"][-1] > 0.4
    assert load_encoder().config.members == 3


def test_files_that_hold_no_encoder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such weights file"):
        load_encoder(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(InputError, match="no safetensors file"):
        load_encoder(tmp_path / "text.safetensors")


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"feature_dropout": 1.0}, {"learning_rate": -1.0}])
def test_impossible_recipes_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="must be"):
        CueRecipe(**wrong)  # type: ignore[arg-type]


def test_nobody_to_train_on_is_told() -> None:
    with pytest.raises(InputError, match="no talking-face clips"):
        train_cue([], SHORT)

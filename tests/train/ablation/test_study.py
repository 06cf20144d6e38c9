"""The study: recipes that differ in the fusion alone, runs that go on, and tables with paired tests."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipstream.core.arrays import Float32
from lipstream.errors import InputError
from lipstream.models.config import ModelConfig
from lipstream.train.ablation.scoring import Item, Scored
from lipstream.train.ablation.study import AUDIO, FUSIONS, OWN, Study, read_recipes
from lipstream.train.ablation.table import compared, table_of
from lipstream.train.cue.views import example_of
from lipstream.train.data.landmark_corpus import LandmarkClip
from lipstream.train.mixing.video_mixtures import VideoConfig
from lipstream.train.recipe import Recipe

SCOUT: dict[str, Any] = {
    "smoothing": False,
    "frequency_prior": False,
    "early": {"hidden": 8, "need": True, "scout_frames": 2},
}


def test_the_recipes_differ_in_the_fusion_alone() -> None:
    recipes = read_recipes(Path("data"))
    assert list(recipes) == list(FUSIONS)
    own = recipes[OWN]
    for name, recipe in recipes.items():
        config = recipe.network
        assert isinstance(config, ModelConfig)
        assert replace(config, visual=own.network.visual) == own.network  # type: ignore[union-attr]
        assert replace(recipe, model=own.model, video=own.video) == own
        assert recipe.video == (VideoConfig() if name == AUDIO else own.video)
        early = config.visual.early
        assert (early is None) == (name in (OWN, AUDIO, "baseline"))
        if early is not None:
            assert early.need == name.endswith("need")
            assert bool(early.scout_frames) == name.startswith("scout")
            assert config.visual.vce == config.visual.fsvg == (name != "direct")
    assert own.steps * own.batch * own.mix.seconds == pytest.approx(7200)


def test_hours_are_made_of_whole_steps() -> None:
    recipe = read_recipes(Path("data"), 0.1)[OWN]
    assert recipe.steps == recipe.validate_every == 37  # of 9.6 s
    with pytest.raises(InputError, match=r"0.001 hours are no step of 9.6 s"):
        read_recipes(Path("data"), 0.001)


def item_of(clip: LandmarkClip, other: Float32, stranger: bool, sound: str) -> Item:
    noisy = (clip.sound + other).astype(np.float32)
    landmarks = example_of(clip).landmarks
    return Item(f"{clip.speaker}.{sound}", clip.speaker, stranger, sound, noisy, clip.sound, landmarks)


@pytest.fixture
def items(make_clip: Callable[..., LandmarkClip], make_speech: Callable[..., Float32]) -> list[Item]:
    """Two speakers, with a talker and in noise."""
    noise = 0.05 * np.random.default_rng(0).standard_normal(32000).astype(np.float32)
    found = []
    for seed, speaker in enumerate("ab"):
        clip = make_clip(speaker, seed)
        found += [
            item_of(clip, make_speech(2.0, 9), speaker == "b", "talker"),
            item_of(clip, noise, speaker == "b", "noise"),
        ]
    return found


@pytest.mark.slow
def test_a_study_that_was_stopped_goes_on_and_judges_all(
    make_recipe: Callable[..., Recipe], items: list[Item], tmp_path: Path
) -> None:
    visual = {"encoder": "landmarks", "embedding_size": 10}
    video = VideoConfig(share=1.0, conflict=0.2)
    recipes = {
        OWN: make_recipe(model={"visual": visual}, video=video, steps=1),
        AUDIO: make_recipe(model={"visual": visual}, steps=1),
        "scout": make_recipe(model={"visual": {**visual, **SCOUT}}, video=video, steps=1),
    }
    study, told = Study(recipes, tmp_path / "runs", tmp_path / "cache"), list[str]()

    def tell(line: str) -> None:
        told.append(line)
        if len(told) == 2:
            study.stop()

    assert not study.train(tell)
    again = Study(recipes, tmp_path / "runs", tmp_path / "cache")
    assert again.train(told.append)
    begun = [line.split(",")[0] for line in told]
    assert begun == ["1 of 3: own", "2 of 3: audio", "2 of 3: audio", "3 of 3: scout"]
    done: list[tuple[float, float]] = []
    table = again.judge(items, lambda count, total: done.append((count, total)))
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")]
    of_audio = [row for row in rows if row[0] == "| audio"]
    assert next(row for row in rows if row[0] == "| scout")[1] == "112.5"
    assert [float(row[2]) for row in of_audio] == [0.0] * 5  # alpha, in each part of the table
    assert of_audio[0][3] == of_audio[4][3]  # whose lips are seen changes nothing for it
    assert "Right lips, competing talker (2 items):" in table


def scored(si_sdr_db: float) -> Scored:
    return Scored({"si_sdr_db": si_sdr_db, "estoi": 0.5, "pesq_wb": 1.5}, 0.25)


def test_a_row_has_the_mean_difference_its_interval_and_both_tests() -> None:
    blank = np.zeros(1, np.float32)
    items = [Item(str(n), "a", n < 2, "talker", blank, blank, blank) for n in range(4)]
    own, other = [scored(1.0 * n) for n in range(4)], [scored(1.0 * n + 1.0 + 0.1 * n) for n in range(4)]
    found = compared("si_sdr_db", own, other)
    assert found.difference == pytest.approx(1.15)
    verdicts = {lips: {"own": own, "other": other} for lips in ("right", "wrong person")}
    table = table_of(verdicts, items, "own", {"own": 25.0, "other": 112.5})
    low, high = found.ci95
    row = f"| other | 112.5 | 0.25 | 2.65 | +1.15 ({low:+.2f} to {high:+.2f}) | {found.p_t:.2g}, "
    assert row in table
    assert "| own | 25 | 0.25 | 1.50 |  |  |" in table
    assert "Right lips, noise: no items" in table
    assert "has not met (2 items)" in table


def test_a_score_that_is_not_defined_leaves_its_pair_out() -> None:
    own, other = [scored(0.0), scored(1.0), scored(float("nan"))], [scored(1.0), scored(3.0), scored(9.0)]
    found = compared("si_sdr_db", own, other)
    assert (found.count, found.difference) == (2, 1.5)

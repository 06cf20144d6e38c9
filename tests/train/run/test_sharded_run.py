"""A training from shards: gone on with in the middle of one, and shared by two processes."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lipstream.tests.train.data.test_shards import pack
from lipstream.tests.train.run.test_distributed import train_together
from lipstream.train.data.shards import LIST
from lipstream.train.losses.loss import LossConfig
from lipstream.train.recipe import Recipe
from lipstream.train.run.loop import Trainer
from lipstream.train.run.optimizer import OptimizerConfig


@pytest.fixture
def recipe(make_recipe: Callable[..., Recipe], data: Path, tmp_path: Path) -> Recipe:
    """Speech comes from four shards, two at a time; another one comes every two steps."""
    pack(data, tmp_path / "shards", hours=0.0003)
    optimizer = OptimizerConfig(warmup_steps=0, clip_norm=0.5)
    return make_recipe(
        data=str(tmp_path / "shards" / LIST),
        shard_window=2,
        validate_every=6,
        optimizer=optimizer,
        loss=LossConfig(phase=0.1, consistency=0.1),
    )


def test_a_run_goes_on_in_the_middle_of_a_shard_as_if_it_had_never_stopped(
    recipe: Recipe, tmp_path: Path
) -> None:
    whole = Trainer(recipe, tmp_path / "whole", tmp_path / "cache")
    whole.run()
    first = Trainer(recipe, tmp_path / "parts", tmp_path / "cache")
    learn = first.learner.learn

    def learn_and_stop(*given: object) -> object:
        if first.progress.step == 2:  # the third step is the first of two with this shard
            first.stop()
        return learn(*given)  # type: ignore[arg-type]

    first.learner.learn = learn_and_stop  # type: ignore[assignment,method-assign]
    first.run()
    assert first.progress.step == 3
    second = Trainer(recipe, tmp_path / "parts", tmp_path / "cache")
    second.run()
    assert second.progress.step == 6
    for name, value in whole.learner.model.state_dict().items():
        assert torch.equal(second.learner.model.state_dict()[name], value), name


def test_two_processes_take_the_steps_of_one(recipe: Recipe, tmp_path: Path) -> None:
    alone = Trainer(recipe, tmp_path / "alone", tmp_path / "cache")
    alone.run()
    found = train_together(2, recipe, tmp_path)
    assert found["progress"]["step"] == 6
    for name, value in alone.learner.state()["average"].items():
        torch.testing.assert_close(found["average"][name], value, rtol=1e-3, atol=1e-5)

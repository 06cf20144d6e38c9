"""Recipes of the gate: the one that ships, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from lipstream.errors import InputError
from lipstream.train.gate.commands import RECIPE
from lipstream.train.gate.recipe import GateLossConfig, GateRecipe, PoolConfig, StageConfig, TrunkConfig
from lipstream.train.mixing.mixtures import MixConfig
from lipstream.train.recipe import read_table
from lipstream.train.run.optimizer import OptimizerConfig

FIVE = MixConfig(seconds=5.0)


def test_the_shipped_recipe_is_read() -> None:
    recipe = read_table(GateRecipe, RECIPE)
    assert recipe.frames == 400
    assert recipe.mix.pause_probability > 0


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"preset": "base"}, "has no voice gate to train"),
        ({"mix": MixConfig(seconds=4.001)}, "no whole hops"),
        ({"mix": MixConfig(seconds=2.0)}, "seconds must be at most those of mix"),
        ({"mix": FIVE, "checkpoint_every": 0}, "checkpoint_every must be at least 1"),
        ({"mix": FIVE, "optimizer": OptimizerConfig(known_rate=0.5)}, "known_rate means nothing to a gate"),
    ],
)
def test_impossible_recipes_are_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        GateRecipe(**wrong)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (StageConfig, {"steps": -1}),
        (StageConfig, {"rate": 0.0}),
        (TrunkConfig, {"dropped": 1.5}),
        (TrunkConfig, {"batch": 0}),
        (PoolConfig, {"items": 4, "renew": 5}),
        (GateLossConfig, {"harm": -1.0}),
    ],
)
def test_impossible_parts_are_refused(kind: type, wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"must be|to items"):
        kind(**wrong)


def test_an_unknown_key_is_told_with_its_table(tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_text("[trunk]\nsecond = 3\n")
    with pytest.raises(InputError, match=r"\[trunk\]: unknown key 'second'"):
        read_table(GateRecipe, tmp_path / "odd.toml")

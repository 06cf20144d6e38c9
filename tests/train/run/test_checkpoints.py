"""What a run leaves behind: weights that say what they are, checkpoints that refuse another recipe."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from lipstream.errors import InputError
from lipstream.models.lite_avse import LiteAVSEMamba, build
from lipstream.models.store.checkpoint import load_model
from lipstream.train.losses.loss import LossConfig
from lipstream.train.recipe import Recipe
from lipstream.train.run.checkpoints import RunFolder

CPU = torch.device("cpu")


@pytest.fixture
def recipe(make_recipe: Callable[..., Recipe]) -> Recipe:
    return make_recipe()


@pytest.fixture
def saved(recipe: Recipe, tmp_path: Path) -> Path:
    """A folder with a checkpoint."""
    RunFolder(tmp_path / "run", recipe).save({"model": {"weight": torch.ones(2)}})
    return tmp_path / "run"


def test_a_checkpoint_comes_back_with_its_recipe(saved: Path, recipe: Recipe) -> None:
    content = RunFolder(saved, recipe).load(CPU)
    assert content is not None
    assert torch.equal(content["model"]["weight"], torch.ones(2))
    assert json.loads(content["recipe"])["preset"] == recipe.preset
    assert [path.name for path in saved.iterdir()] == ["checkpoint.pt"]


def test_a_folder_without_a_checkpoint_has_none(recipe: Recipe, tmp_path: Path) -> None:
    assert RunFolder(tmp_path / "new" / "run", recipe).load(CPU) is None
    assert (tmp_path / "new" / "run").is_dir()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seed": 5}, "seed was 1 when it was made, and is 5"),
        ({"loss": LossConfig(phase=0.3)}, "loss.phase was 0.0 when it was made, and is 0.3"),
        ({"held_out_noise": ("fan",)}, "held_out_noise was"),
    ],
)
def test_another_recipe_is_refused_by_the_key_that_differs(
    saved: Path, recipe: Recipe, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputError) as error:
        RunFolder(saved, replace(recipe, **changes)).load(CPU)
    assert "does not fit this recipe" in str(error.value)
    assert told in str(error.value)
    assert "start in an empty folder" in str(error.value)


def test_a_run_may_move_and_become_longer(saved: Path, recipe: Recipe) -> None:
    changed = replace(recipe, data="elsewhere", steps=99, validate_every=9, workers=2)
    assert RunFolder(saved, changed).load(CPU) is not None


def test_a_checkpoint_from_before_a_key_was_known_had_its_default(saved: Path, recipe: Recipe) -> None:
    content = torch.load(saved / "checkpoint.pt", weights_only=True)
    table = json.loads(content["recipe"])
    del table["seed"], table["loss"]["phase"]
    torch.save(content | {"recipe": json.dumps(table)}, saved / "checkpoint.pt")
    assert RunFolder(saved, recipe).load(CPU) is not None
    with pytest.raises(InputError, match="seed was 1"):
        RunFolder(saved, replace(recipe, seed=2)).load(CPU)


def test_a_checkpoint_of_a_recipe_in_its_old_form_is_gone_on_with(saved: Path, recipe: Recipe) -> None:
    content = torch.load(saved / "checkpoint.pt", weights_only=True)
    table = json.loads(content["recipe"])
    del table["model"]
    table["without"] = ["vce"]
    table["mix"]["noise_kinds"] = list(table["mix"]["noise_kinds"].values())
    table["mix"]["source_weights"] = [["mini", 1.0]]
    torch.save(content | {"recipe": json.dumps(table)}, saved / "checkpoint.pt")
    changed = replace(recipe, model={"without": ["vce"]})
    assert RunFolder(saved, changed).load(CPU) is not None
    with pytest.raises(InputError, match=r"model was {'without': \['vce'\]} when it was made"):
        RunFolder(saved, recipe).load(CPU)


def test_a_checkpoint_without_a_recipe_is_taken_as_it_is(saved: Path, recipe: Recipe) -> None:
    content = torch.load(saved / "checkpoint.pt", weights_only=True)
    del content["recipe"]
    torch.save(content, saved / "checkpoint.pt")
    assert RunFolder(saved, replace(recipe, seed=5)).load(CPU) is not None


@pytest.mark.parametrize(("offline", "without"), [(False, ()), (True, ()), (False, ("vce", "fsvg"))])
def test_the_best_weights_say_what_they_are_and_load_as_that(
    make_recipe: Callable[..., Recipe], tmp_path: Path, tiny: str, offline: bool, without: tuple[str, ...]
) -> None:
    recipe = make_recipe(offline=offline, model={"without": list(without)})
    config = build(tiny, causal=not offline).config.without(*without)
    net = LiteAVSEMamba(config)
    RunFolder(tmp_path, recipe).save_best(
        net, 7, {"val_pesq": 2.5}, {"hours": {"speech": 1.5}, "licences": ["CC0"]}
    )
    path = tmp_path / "best.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    assert json.loads(metadata["recipe"])["model"] == {"without": list(without)}
    assert (metadata["step"], json.loads(metadata["scores"])) == ("7", {"val_pesq": 2.5})
    loaded = load_model(tiny, path, offline=offline)
    assert loaded.config == config
    for name, value in net.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
    with pytest.raises(InputError, match="form of 'tiny', not the"):
        load_model(tiny, path, offline=not offline)
    with pytest.raises(InputError, match="holds weights of preset 'tiny', not of 'lite'"):
        load_model("lite", path)

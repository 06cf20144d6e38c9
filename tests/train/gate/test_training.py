"""A gate is trained in three stages beside a network that stays as it is; a run goes on where it stopped."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from lipstream.errors import InputError
from lipstream.models.store.checkpoint import load_model
from lipstream.train.gate.recipe import GateRecipe, PoolConfig, StageConfig, TrunkConfig
from lipstream.train.gate.training import GateTrainer
from lipstream.train.run.optimizer import OptimizerConfig

MakeRecipe = Callable[..., GateRecipe]


def train(recipe: GateRecipe, out: Path) -> list[tuple[str, dict[str, float]]]:
    """What it reports."""
    told: list[tuple[str, dict[str, float]]] = []
    trainer = GateTrainer(recipe, out, out.parent / "cache")
    trainer.run(lambda what, figures: told.append((what, figures)))
    assert trainer.done
    return told


def gate_of(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in tensors.items() if name.startswith("gate.")}


def test_all_but_the_gate_is_as_it_was_to_the_bit(
    make_recipe: MakeRecipe, weights: Path, gated: str, tmp_path: Path
) -> None:
    train(make_recipe(), tmp_path / "out.safetensors")
    before, after = load_file(weights), load_file(tmp_path / "out.safetensors")
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("gate.") for name in changed)
    load_model(gated, tmp_path / "out.safetensors")  # it is complete


def test_a_gate_that_is_kept_learns_on_and_a_stage_without_steps_is_left_out(
    make_recipe: MakeRecipe, weights: Path, tmp_path: Path
) -> None:
    unmoved = {"trunk": TrunkConfig(steps=0, seconds=0.6), "joint": StageConfig(steps=0)}
    train(make_recipe(keep_gate=True, **unmoved), tmp_path / "kept.safetensors")
    train(make_recipe(**unmoved), tmp_path / "new.safetensors")
    before, kept, new = (
        gate_of(load_file(file))
        for file in (weights, tmp_path / "kept.safetensors", tmp_path / "new.safetensors")
    )
    trunk = [name for name in before if not name.startswith("gate.trust.")]
    assert all(torch.equal(before[name], kept[name]) for name in trunk)
    assert any(not torch.equal(before[name], new[name]) for name in trunk)
    assert any(not torch.equal(before[name], kept[name]) for name in before)


def test_a_gate_to_be_kept_must_be_there(make_recipe: MakeRecipe, weights: Path, tmp_path: Path) -> None:
    tensors = load_file(weights)
    save_file({name: value for name, value in tensors.items() if not name.startswith("gate.")}, weights)
    with pytest.raises(InputError, match="leave out keep_gate"):
        GateTrainer(make_recipe(keep_gate=True), tmp_path / "out.safetensors", tmp_path / "cache")


def test_the_file_says_how_its_gate_was_trained_and_no_place_of_this_machine(
    make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    train(make_recipe(), tmp_path / "out.safetensors")
    with safe_open(tmp_path / "out.safetensors", framework="pt") as file:
        about = file.metadata()["lipstream-gate"]
    assert json.loads(about)["trunk"]["steps"] == 4
    assert str(tmp_path) not in about
    assert not list(tmp_path.glob("*.checkpoint"))


def test_each_stage_moves_its_own_part(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    trainer = GateTrainer(make_recipe(), tmp_path / "out.safetensors", tmp_path / "cache")
    for moved, still in (("rows.", "trust."), ("trust.", "rows.")):
        before = {name: value.clone() for name, value in trainer.gate.state_dict().items()}
        trainer._run_stage(lambda what, figures: None)
        after = trainer.gate.state_dict()
        assert all(torch.equal(before[name], after[name]) for name in before if name.startswith(still))
        assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith(moved))


def test_the_loss_falls(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    """The gate learns four mixtures by heart."""
    recipe = make_recipe(
        pool=PoolConfig(items=4, renew=0, every=2),
        optimizer=OptimizerConfig(learning_rate=2e-2, warmup_steps=2, ema_decay=0.5),
        trunk=TrunkConfig(steps=100, batch=4, seconds=1.0),
        trust=StageConfig(steps=1, batch=2),
        joint=StageConfig(steps=1, batch=2),
    )
    losses = [
        figures["loss"] for what, figures in train(recipe, tmp_path / "out") if what.startswith("trunk")
    ]
    assert len(losses) == 2
    assert losses[1] < losses[0] - 0.01


@pytest.mark.parametrize("steps", [1, 3, 6])
def test_a_run_that_was_stopped_gives_what_an_uninterrupted_one_gives(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Stopped in the first stage, with and without new items in the pool since, and in the second one."""
    recipe = make_recipe()
    train(recipe, tmp_path / "whole.safetensors")
    out = tmp_path / "parts.safetensors"
    first = GateTrainer(recipe, out, tmp_path / "cache")
    step = first._step

    def stops(*given: object) -> dict[str, float]:
        if first.place.total + 1 == steps:
            first.stop()
        return step(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(first, "_step", stops)
    first.run(lambda what, figures: None)
    assert not first.done
    assert first.place.total == steps
    assert not out.exists()
    train(recipe, out)
    whole, parts = load_file(tmp_path / "whole.safetensors"), load_file(out)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_killed_run_goes_on_from_its_last_checkpoint(
    make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, out = make_recipe(), tmp_path / "parts.safetensors"
    train(recipe, tmp_path / "whole.safetensors")
    first = GateTrainer(recipe, out, tmp_path / "cache")
    step = first._step

    def dies(*given: object) -> dict[str, float]:
        if first.place.total == 3:
            raise KeyboardInterrupt
        return step(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(first, "_step", dies)
    with pytest.raises(KeyboardInterrupt):
        first.run(lambda what, figures: None)
    again = GateTrainer(recipe, out, tmp_path / "cache")
    assert again.place.total == 2
    again.run(lambda what, figures: None)
    whole, parts = load_file(tmp_path / "whole.safetensors"), load_file(out)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_checkpoint_of_another_recipe_or_a_damaged_one_is_refused(
    make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    out = tmp_path / "out.safetensors"
    trainer = GateTrainer(make_recipe(), out, tmp_path / "cache")
    trainer.stop()
    trainer._run_stage(lambda what, figures: None)
    with pytest.raises(InputError, match="another recipe or other weights made it"):
        GateTrainer(make_recipe(seed=2), out, tmp_path / "cache")
    trainer.checkpoint.path.write_bytes(b"damaged")
    with pytest.raises(InputError, match="it is damaged"):
        GateTrainer(make_recipe(), out, tmp_path / "cache")


def test_weights_without_encoder_are_refused(make_recipe: MakeRecipe, weights: Path, tmp_path: Path) -> None:
    tensors = load_file(weights)
    save_file({name: value for name, value in tensors.items() if not name.startswith("gate.")}, weights)
    GateTrainer(make_recipe(), tmp_path / "out", tmp_path / "cache")  # a gate is not needed
    save_file({name: value for name, value in tensors.items() if not name.startswith("visual.")}, weights)
    with pytest.raises(InputError, match="add encoder C with lipstream cue join"):
        GateTrainer(make_recipe(), tmp_path / "out", tmp_path / "cache")


def test_a_gradient_that_is_not_finite_ends_the_run(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    trainer = GateTrainer(make_recipe(), tmp_path / "out", tmp_path / "cache")
    with torch.no_grad():
        trainer.gate.leave.bias.fill_(float("nan"))
    with pytest.raises(InputError, match="step 1 of stage trunk gave no finite gradient"):
        trainer.run(lambda what, figures: None)

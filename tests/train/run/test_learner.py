"""What learns: one batch is learnt by heart, the average follows, the parts of a batch weigh alike."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lipstream.models.config import PRESETS
from lipstream.models.lite_avse import build
from lipstream.train.commands import RECIPES
from lipstream.train.losses.terms import si_sdr
from lipstream.train.mixing.batches import Batch
from lipstream.train.mixing.video_mixtures import VideoBatch, VideoConfig
from lipstream.train.recipe import Recipe, load_recipe
from lipstream.train.run.distributed import Group
from lipstream.train.run.learner import Learner
from lipstream.train.run.objectives import alpha_entropy
from lipstream.train.run.optimizer import OptimizerConfig

ALONE = Group(torch.device("cpu"))


def voice_in_noise(batch: int = 2, length: int = 3200) -> Batch:
    """Harmonics that start and stop, in white noise at about 0 dB."""
    time = torch.arange(length) / 16000
    order = torch.arange(1, 9)[:, None]
    tones = torch.stack([torch.sin(2 * torch.pi * pitch * order * time).sum(0) for pitch in (150, 220)])
    clean = 0.05 * tones[:batch] * (torch.sin(2 * torch.pi * 4 * time) > 0)
    noise = 0.08 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    return Batch(clean + noise, clean, None)


def with_lips(batch: Batch) -> Batch:
    """Trusted video frames, of which the first holds all the time."""
    crops = torch.randint(0, 256, (2, 3, 32, 32, 3), dtype=torch.uint8)
    ages = torch.zeros(2, 16)
    return batch._replace(video=VideoBatch(crops, ages.long(), ages, torch.ones(2)))


def test_one_batch_is_learnt_by_heart(make_recipe: Callable[..., Recipe]) -> None:
    fast = OptimizerConfig(learning_rate=1e-2, warmup_steps=10, final_fraction=1.0)
    learner = Learner(make_recipe(steps=80, optimizer=fast), ALONE)
    batch = voice_in_noise()
    losses = [(learner.learn(batch, step) or {})["loss"] for step in range(80)]
    assert losses[-1] < 0.5 * losses[0]
    with torch.no_grad():
        enhanced = learner.model(batch.noisy).wave
    aligned = slice(0, enhanced.shape[1])
    gain_db = si_sdr(enhanced, batch.clean[:, aligned]) - si_sdr(batch.noisy, batch.clean)
    assert gain_db.min() > 3.0


def test_the_recipe_for_a_first_training_learns_within_a_few_steps() -> None:
    recipe = load_recipe(RECIPES / "tiny.toml")
    learner = Learner(replace(recipe, optimizer=replace(recipe.optimizer, warmup_steps=0)), ALONE)
    batch = voice_in_noise()
    losses = [(learner.learn(batch, step) or {})["loss"] for step in range(8)]
    assert losses[-1] < 0.9 * losses[0]


def test_the_average_has_the_batch_statistics_of_the_model(
    make_recipe: Callable[..., Recipe], tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    visual = replace(PRESETS[tiny].visual, encoder="mobilenet")
    monkeypatch.setitem(PRESETS, tiny, replace(PRESETS[tiny], visual=visual))
    learner = Learner(make_recipe(), ALONE)
    learner.learn(with_lips(voice_in_noise()), 0)
    moved = [name for name, value in learner.model.named_buffers() if "running_mean" in name and value.any()]
    assert moved
    for (name, value), mean in zip(learner.model.named_buffers(), learner.average.buffers(), strict=True):
        assert torch.equal(mean, value), name


def test_frozen_lips_stay_to_the_last_bit_while_the_rest_learns(
    make_recipe: Callable[..., Recipe], tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    visual = replace(PRESETS[tiny].visual, encoder="mobilenet")
    monkeypatch.setitem(PRESETS, tiny, replace(PRESETS[tiny], visual=visual))
    optimizer = OptimizerConfig(matrices="muon", weight_decay=0.1, warmup_steps=0)
    learner = Learner(make_recipe(optimizer=optimizer, video=VideoConfig(freeze="lips")), ALONE)
    before = copy.deepcopy(learner.state())
    terms = learner.learn(with_lips(voice_in_noise()), 0)
    assert terms is not None
    assert terms["alpha"] > 0  # told, though nothing learns it
    for which in ("model", "average"):
        after = learner.state()[which]
        moved = {name for name, value in before[which].items() if not torch.equal(after[name], value)}
        assert "net.fusion.projection.weight" in moved
        assert not [name for name in moved if name.startswith(("net.visual.", "net.fusion.vce."))]


@pytest.mark.parametrize("matrices", ["adamw", "muon"])
def test_what_grows_learns_faster_than_the_weights_it_begins_with(
    make_recipe: Callable[..., Recipe], tmp_path: Path, tiny: str, matrices: str
) -> None:
    path = tmp_path / "start.safetensors"
    save_file({name: value for name, value in build(tiny).state_dict().items() if ".vce." not in name}, path)
    optimizer = OptimizerConfig(matrices=matrices, learning_rate=1.0, known_rate=0.25, warmup_steps=0)
    learner = Learner(make_recipe(start_from=str(path), grow=True, optimizer=optimizer), ALONE)
    learner.learn(voice_in_noise(), 0)
    groups = learner.optimizer.param_groups
    rates = {id(value): group["lr"] for group in groups for value in group["params"]}
    for name, value in learner.model.named_parameters():
        assert rates[id(value)] == (1.0 if ".vce." in name else 0.25)


def test_frozen_lips_without_a_vce_are_those_of_the_encoder(make_recipe: Callable[..., Recipe]) -> None:
    learner = Learner(make_recipe(model={"without": ["vce"]}, video=VideoConfig(freeze="lips")), ALONE)
    frozen = {name for name, value in learner.model.named_parameters() if not value.requires_grad}
    assert frozen == {name for name, _ in learner.model.named_parameters() if name.startswith("net.visual.")}


def test_a_state_brings_a_learner_back_to_the_same_next_step(make_recipe: Callable[..., Recipe]) -> None:
    recipe, batch = make_recipe(), voice_in_noise()
    first, second = Learner(recipe, ALONE), Learner(replace(recipe, seed=9), ALONE)
    first.learn(batch, 0)
    second.load(copy.deepcopy(first.state()))  # as through a file
    assert first.learn(batch, 1) == second.learn(batch, 1)
    for one, other in zip(first.average.parameters(), second.average.parameters(), strict=True):
        assert torch.equal(one, other)


def test_alpha_is_taught_by_fresh_frames_and_each_clip_weighs_alike() -> None:
    crops = torch.zeros(2, 1, 8, 8, 3, dtype=torch.uint8)
    ages = torch.tensor([[0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 0.0, 0.0]])
    video = VideoBatch(crops, torch.zeros(2, 4, dtype=torch.int64), ages, torch.tensor([1.0, 0.0]))
    alpha = torch.tensor([[0.5, 0.5, 0.1, 0.1], [0.2, 0.2, 0.2, 0.2]])
    expected = -(torch.tensor(0.5).log() + torch.tensor(0.8).log()) / 2
    torch.testing.assert_close(alpha_entropy(alpha, video), expected)
    doubtful = video._replace(trust=torch.tensor([1.0, torch.nan]))
    torch.testing.assert_close(alpha_entropy(alpha, doubtful), -torch.tensor(0.5).log() / 2)
    blind = video._replace(age_s=torch.full((2, 4), 9.0))
    assert float(alpha_entropy(alpha, blind)) == 0.0


def test_without_a_vce_there_is_no_alpha_to_teach(make_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    learner = Learner(make_recipe(model={"without": ["vce"]}), ALONE)
    terms = learner.learn(with_lips(voice_in_noise()), 0)
    assert terms is not None
    assert "alpha" not in terms

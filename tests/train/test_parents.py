"""The parents learn as theirs did: an epoch on a miniature VoiceBank+DEMAND, and the model that it leaves."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from lipstream import enhance_file
from lipstream.cli import main
from lipstream.models.store.folder import PARENTS, describe
from lipstream.train.commands import RECIPES
from lipstream.train.recipe import load_recipe
from tests.train.conftest import voice

RATE = 16_000
#: Each parent, small.
MODELS = {
    "semamba": "hid_feature = 4\nnum_tfmamba = 1\nd_state = 2\nexpand = 2",
    "mpsenet": "channels = 4\nnum_blocks = 1",
    "mpsenet-mamba": "channels = 4\nnum_shared_blocks = 1\nnum_branch_blocks = 1",
}


@pytest.fixture
def voicebank(tmp_path: Path) -> Path:
    """The manifest of a tree as VoiceBank+DEMAND has it: two speakers who train, one who validates."""
    rng = np.random.default_rng(0)
    for number, name in enumerate(("p226_001", "p228_001", "p228_002", "p230_001")):
        clean = voice(1.0, 110 + 20 * number)
        sides = {"clean": clean, "noisy": clean + 0.02 * rng.standard_normal(clean.size)}
        for side, wave in sides.items():
            folder = tmp_path / "vb" / f"{side}_trainset_28spk_wav"
            folder.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / f"{name}.wav", wave, RATE)
    assert main(["data", "voicebank", str(tmp_path / "vb"), "-o", str(tmp_path / "vb.jsonl")]) == 0
    return tmp_path / "vb.jsonl"


@pytest.mark.slow
@pytest.mark.parametrize("kind", PARENTS)
def test_an_epoch_leaves_a_model_that_enhances_files(kind: str, voicebank: Path, tmp_path: Path) -> None:
    head, rest = (RECIPES / f"{kind}.toml").read_text().split("steps = ", 1)
    loss_and_optimizer = rest.split("[loss]")[1]
    pcs = "pcs = true" if kind == "semamba" else ""
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(
        f"{head}steps = 2\nbatch = 2\nvalidate_every = 2\nvalidation_items = 1\n{pcs}\n"
        f"[model]\n{MODELS[kind]}\n"
        f"[mix]\nseconds = 0.5\npair_probability = 1.0\n[loss]{loss_and_optimizer}"
    )
    run = tmp_path / "run"
    command = ["train", str(recipe), "--data", str(voicebank), "--out", str(run)]
    assert main([*command, "--cache", str(tmp_path / "cache"), "--threads", "1"]) == 0
    assert describe(run).kind == kind
    checkpoint = torch.load(run / "checkpoint.pt", weights_only=True)
    assert checkpoint["progress"]["skipped_batches"] == 0
    assert checkpoint["critic"]["optimizer"]["state"]
    scores = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert any("val_sound_pesq" in line for line in scores)
    noisy = tmp_path / "vb" / "noisy_trainset_28spk_wav" / "p226_001.wav"
    report = enhance_file(noisy, tmp_path / "clean.wav", model=run)
    assert report.runtime == "eager"
    assert soundfile.info(tmp_path / "clean.wav").frames == soundfile.info(noisy).frames


@pytest.mark.parametrize("kind", [*PARENTS, "semamba-pcs"])
def test_the_recipes_have_the_published_settings(kind: str) -> None:
    recipe = load_recipe(RECIPES / f"{kind}.toml")
    assert recipe.preset == kind.removesuffix("-pcs")
    assert recipe.pcs == kind.endswith("-pcs")
    weights = {name: weight for name, weight in recipe.loss.weights().items() if weight}
    published = {
        "magnitude": 0.9,
        "phase": 0.3,
        "complex": 0.1,
        "consistency": 0.1,
        "time": 0.2,
        "metric": 0.05,
    }
    assert weights == published
    assert (recipe.batch, recipe.mix.length, recipe.mix.pair_probability) == (4, 32_000, 1.0)
    optimizer = recipe.optimizer
    assert optimizer.learning_rate == (1e-3 if kind == "mpsenet-mamba" else 5e-4)
    assert (optimizer.betas, optimizer.decay) == ((0.8, 0.99), 0.99)

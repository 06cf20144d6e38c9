"""Validation: the same mixtures every time, scored by the bench, the model's lag taken out."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lipstream.bench.metrics import score
from lipstream.models.lite_avse import build
from lipstream.train.data.corpus import read_corpus, read_library
from lipstream.train.mixing.batches import Batch, BatchSource
from lipstream.train.mixing.mixtures import Mixer
from lipstream.train.recipe import Recipe
from lipstream.train.run.estimator import Estimate, StreamingEstimator
from lipstream.train.run.validation import ValidationSet


class Bypass(StreamingEstimator):
    """A model that lets the noisy signal through."""

    def forward(self, noisy: Tensor, *_: Any, **__: Any) -> Estimate:
        return super().forward(noisy)._replace(wave=noisy[:, : -self.lag])


@pytest.fixture
def source(make_recipe: Callable[..., Recipe], tmp_path: Path) -> BatchSource:
    """Mixtures without faces, long enough for PESQ."""
    recipe = make_recipe()
    mix = dataclasses.replace(recipe.mix, seconds=1.5)
    return BatchSource(Mixer(read_corpus(read_library(recipe.data), tmp_path / "cache"), mix), None, 0.0)


def mixtures(items: ValidationSet) -> Batch:
    assert items.sound is not None
    return items.sound


def test_the_mixtures_are_the_same_every_time(source: BatchSource) -> None:
    first, again = mixtures(ValidationSet(source, 2)), mixtures(ValidationSet(source, 3))
    assert torch.equal(first.noisy, again.noisy[:2])
    assert torch.equal(first.clean, again.clean[:2])


def test_a_bypass_scores_as_the_noisy_signal(source: BatchSource, tiny: str) -> None:
    items = ValidationSet(source, 2)
    found = items.score(Bypass(build(tiny)))
    pairs = list(zip(mixtures(items).clean.numpy(), mixtures(items).noisy.numpy(), strict=True))
    rows = [score(clean[:-200], noisy[:-200]) for clean, noisy in pairs]
    assert (
        items.rank(found)
        == found["val_sound_pesq"]
        == pytest.approx(np.mean([row["pesq_wb"] for row in rows]), abs=0.02)
    )
    assert found["val_sound_stoi"] == pytest.approx(np.mean([row["stoi"] for row in rows]), abs=0.005)
    assert found["val_sound_estoi"] == pytest.approx(np.mean([row["estoi"] for row in rows]), abs=0.005)
    assert found["val_sound_si_sdr"] == pytest.approx(np.mean([row["si_sdr_db"] for row in rows]), abs=0.05)


def test_scoring_leaves_no_gradient_and_no_trace_in_the_model(source: BatchSource, tiny: str) -> None:
    model = StreamingEstimator(build(tiny))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    ValidationSet(source, 1).score(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_best_weigh_lips_and_audio_only_as_training_does(source: BatchSource) -> None:
    items = ValidationSet(source, 1)
    items.share = 0.25
    assert items.rank({"val_pesq": 2.0, "val_sound_pesq": 1.0}) == 1.25
    items.share = 1.0
    assert items.rank({"val_pesq": 2.0}) == 2.0

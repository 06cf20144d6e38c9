"""UTMOS, NISQA and SCOREQ: how their packages are called, and what a user without them is told."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from lipstream.bench.metrics import predictors
from lipstream.bench.metrics.predictors import NISQA_NAMES, PACKAGES, predict, require
from lipstream.errors import InputError

WAVE = np.full(16000, 0.5, np.float64)


class Scorer:
    """Stands for the networks of utmos-pytorch and scoreq-pytorch: the score is the sum of the wave."""

    def __init__(self, **options: str) -> None:
        assert options in ({}, {"data_domain": "natural", "mode": "nr"})

    def score(self, wave: torch.Tensor) -> torch.Tensor:
        assert (wave.shape, wave.dtype) == ((1, 16000), torch.float32)
        return wave.sum(dim=1)


def assess(wave: torch.Tensor, rate: int) -> torch.Tensor:
    """Stands for torchmetrics' function."""
    assert (wave.shape, rate) == ((16000,), 16000)
    return torch.arange(1.0, 6.0)


@pytest.fixture(autouse=True)
def packages(monkeypatch: pytest.MonkeyPatch) -> Any:
    nisqa = SimpleNamespace(non_intrusive_speech_quality_assessment=assess)
    modules = {
        "utmos_pytorch": SimpleNamespace(UTMOSScoreTorch=Scorer),
        "scoreq_pytorch": SimpleNamespace(SCOREQScoreTorch=Scorer),
        "torchmetrics.functional.audio.nisqa": nisqa,
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(predictors, "find_spec", lambda name: name)
    predictors._loaded.cache_clear()
    yield
    predictors._loaded.cache_clear()


@pytest.mark.parametrize("name", ["utmos", "scoreq"])
def test_a_network_hears_the_recording_as_one_batch(name: str):
    assert predict(name, WAVE) == {name: pytest.approx(8000.0)}


def test_nisqa_gives_its_five_dimensions_in_order():
    assert predict("nisqa", WAVE) == dict(zip(NISQA_NAMES, [1.0, 2.0, 3.0, 4.0, 5.0], strict=True))


@pytest.mark.parametrize("name", PACKAGES)
def test_a_missing_package_is_told_with_its_name(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(predictors, "find_spec", lambda name: None)
    with pytest.raises(InputError) as told:
        require(name)
    assert PACKAGES[name] in str(told.value)


def test_weights_that_cannot_be_had_are_told(monkeypatch: pytest.MonkeyPatch):
    def unreachable(**_: str) -> None:
        raise OSError("no route to the server")

    monkeypatch.setattr(sys.modules["scoreq_pytorch"], "SCOREQScoreTorch", unreachable)
    with pytest.raises(InputError, match="no route"):
        predict("scoreq", WAVE)

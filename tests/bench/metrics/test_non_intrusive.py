"""Predicted opinions: DNSMOS P.835 against its authors' code, how the packages of others are called."""

import math
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from lipstream.bench.metrics import non_intrusive
from lipstream.bench.metrics.non_intrusive import NISQA_NAMES, PACKAGES, dnsmos, predict, require
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


def tone(seconds: float) -> np.ndarray:
    time = np.arange(16000 * 12) / 16000
    syllables = np.clip(np.sin(2 * np.pi * 2 * time), 0, None)
    noise = np.random.default_rng(0).standard_normal(time.size)
    wave = 0.1 * np.sin(2 * np.pi * 220 * time) * syllables + 0.01 * noise
    return wave.astype(np.float32)[: int(16000 * seconds)]


@pytest.mark.parametrize(
    ("seconds", "sig", "bak", "ovrl"),
    [
        (11, 1.242590486373603, 1.1534706265026204, 1.1076912457759642),
        (5, 1.3329068504356851, 1.2540502053587153, 1.2016001000388383),
    ],
    ids=["heard in pieces", "repeated"],
)
def test_ratings_equal_those_of_speechmos_dnsmos_run(seconds: float, sig: float, bak: float, ovrl: float):
    ratings = dnsmos(tone(seconds))
    expected = {"dnsmos_sig": sig, "dnsmos_bak": bak, "dnsmos_ovrl": ovrl}
    assert {name: ratings[name] for name in expected} == pytest.approx(expected, abs=1e-4)


def test_what_exceeds_full_scale_is_clipped():
    loud = 20 * tone(9.1)
    assert dnsmos(loud) == pytest.approx(dnsmos(np.clip(loud, -1, 1)))


def test_silence_has_no_rating():
    assert all(math.isnan(value) for value in dnsmos(np.zeros(32000, np.float32)).values())


def test_a_missing_package_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(non_intrusive, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"lipstream\[bench\]"):
        require("dnsmos")


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> Any:
    nisqa = SimpleNamespace(non_intrusive_speech_quality_assessment=assess)
    modules = {
        "utmos_pytorch": SimpleNamespace(UTMOSScoreTorch=Scorer),
        "scoreq_pytorch": SimpleNamespace(SCOREQScoreTorch=Scorer),
        "torchmetrics.functional.audio.nisqa": nisqa,
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(non_intrusive, "find_spec", lambda name: name)
    non_intrusive._loaded.cache_clear()
    yield
    non_intrusive._loaded.cache_clear()


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("name", ["utmos", "scoreq"])
def test_a_network_hears_the_recording_as_one_batch(name: str):
    assert predict(name, WAVE) == {name: pytest.approx(8000.0)}


@pytest.mark.usefixtures("packages")
def test_nisqa_gives_its_five_dimensions_in_order():
    assert predict("nisqa", WAVE) == dict(zip(NISQA_NAMES, [1.0, 2.0, 3.0, 4.0, 5.0], strict=True))


@pytest.mark.parametrize("name", PACKAGES)
def test_a_missing_package_is_told_with_its_name(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(non_intrusive, "find_spec", lambda name: None)
    with pytest.raises(InputError) as told:
        require(name)
    assert PACKAGES[name] in str(told.value)


@pytest.mark.usefixtures("packages")
def test_weights_that_cannot_be_had_are_told(monkeypatch: pytest.MonkeyPatch):
    def unreachable(**_: str) -> None:
        raise OSError("no route to the server")

    monkeypatch.setattr(sys.modules["scoreq_pytorch"], "SCOREQScoreTorch", unreachable)
    with pytest.raises(InputError, match="no route"):
        predict("scoreq", WAVE)

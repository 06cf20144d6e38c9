"""The intelligibility loss: it is ESTOI to some thousandths, and gives gradients."""

import numpy as np
import pytest
import torch
from torch import Tensor

from lipstream.bench.metrics import estoi
from lipstream.tests.train.losses.test_perceptual import noise, voice
from lipstream.train.losses.perceptual import LostIntelligibility


def understood(estimate: Tensor, clean: Tensor) -> float:
    return 1.0 - float(LostIntelligibility()(estimate[None], clean[None]))


def with_pauses() -> Tensor:
    """A voice that says nothing for a second, but for a faint hum that is no speech."""
    hum = 1e-5 * torch.sin(torch.arange(16_000) * 0.1)
    return torch.cat([voice(2.0), hum, voice(2.0)])


@pytest.mark.parametrize("level", [0.003, 0.01, 0.03, 0.1, 0.3])
@pytest.mark.parametrize("clean", [voice(4.0), with_pauses()], ids=["speech", "pauses"])
def test_it_is_the_estoi_of_the_library(clean: Tensor, level: float) -> None:
    estimate = clean + level * noise(len(clean) / 16_000)
    expected = estoi(clean.numpy(), estimate.numpy())
    assert understood(estimate, clean) == pytest.approx(expected, abs=0.03)


def test_the_same_at_another_level_is_understood() -> None:
    assert understood(0.1 * voice(), voice()) == pytest.approx(1.0, abs=1e-3)


def test_each_item_is_heard_for_itself() -> None:
    clean = torch.stack([voice(), voice().flip(0)])
    estimate = clean + torch.stack([0.01 * noise(), 0.1 * noise()])
    both = 1.0 - LostIntelligibility()(estimate, clean)
    np.testing.assert_allclose(
        both, [understood(*pair) for pair in zip(estimate, clean, strict=True)], atol=1e-6
    )


@pytest.mark.parametrize("estimate", ["silence", "clean", "noisy"])
def test_gradients_are_finite_and_lead_to_better_words(estimate: str) -> None:
    start = {"silence": 0 * voice(), "clean": voice(), "noisy": voice() + 0.1 * noise()}[estimate]
    wave = start[None].clone().requires_grad_()
    lost = LostIntelligibility()(wave, voice()[None]).sum()
    lost.backward()
    assert wave.grad is not None
    assert torch.isfinite(wave.grad).all()
    if estimate == "noisy":
        with torch.no_grad():
            step = 0.1 * wave.norm() / wave.grad.norm()
            assert LostIntelligibility()(wave - step * wave.grad, voice()[None]).sum() < lost


@pytest.mark.parametrize("clean", [torch.zeros(48_000), voice(0.3)], ids=["silence", "a short word"])
def test_where_there_is_no_segment_of_speech_nothing_is_to_be_learnt(clean: Tensor) -> None:
    estimate = (clean + 0.1 * noise(len(clean) / 16_000))[None].requires_grad_()
    lost = LostIntelligibility()(estimate, clean[None])
    assert lost.item() == 0.0
    (gradient,) = torch.autograd.grad(lost.sum(), estimate)
    assert not gradient.any()

"""The perceptual loss: it orders what is heard as PESQ does, and gives gradients."""

import numpy as np
import pytest
import torch
from torch import Tensor

from lipstream.bench.metrics import pesq_wb
from lipstream.train.losses.perceptual import PerceptualDisturbance

RATE = 16_000


def voice(seconds: float = 3.0) -> Tensor:
    """Something like speech: harmonics that glide, syllables, pauses."""
    time = torch.arange(int(seconds * RATE)) / RATE
    pitch = 140 + 30 * torch.sin(2 * torch.pi * 0.7 * time)
    phase = 2 * torch.pi * torch.cumsum(pitch, 0) / RATE
    tones = torch.stack([torch.sin(k * phase) / k for k in range(1, 25)]).sum(0)
    return 0.1 * tones * torch.sin(2 * torch.pi * 1.5 * time).clamp(min=0.0)


def noise(seconds: float = 3.0) -> Tensor:
    return torch.randn(int(seconds * RATE), generator=torch.Generator().manual_seed(3))


def disturbance(estimate: Tensor, clean: Tensor) -> float:
    return float(PerceptualDisturbance()(estimate[None], clean[None]))


def test_the_same_is_not_disturbed() -> None:
    assert disturbance(voice(), voice()) < 0.02


@pytest.mark.parametrize("level", [0.01, 3.0])
def test_it_does_not_depend_on_the_level_of_both(level: float) -> None:
    noisy = voice() + 0.02 * noise()
    expected = disturbance(noisy, voice())
    assert disturbance(level * noisy, level * voice()) == pytest.approx(expected, rel=1e-3)


def test_more_noise_disturbs_more_and_pesq_agrees_on_the_order() -> None:
    levels = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
    noisy = [voice() + level * noise() for level in levels]
    heard = [disturbance(wave, voice()) for wave in noisy]
    scores = [pesq_wb(voice().numpy(), wave.numpy()) for wave in noisy]
    assert heard == sorted(heard)
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("estimate", ["silence", "clean", "noisy"])
def test_gradients_are_finite_and_lead_downhill(estimate: str) -> None:
    start = {"silence": 0 * voice(), "clean": voice(), "noisy": voice() + 0.02 * noise()}[estimate]
    wave = start[None].clone().requires_grad_()
    loss = PerceptualDisturbance()(wave, voice()[None]).sum()
    loss.backward()
    assert wave.grad is not None
    assert torch.isfinite(wave.grad).all()
    if estimate == "noisy":
        with torch.no_grad():
            better = wave - 1e-3 * wave.grad / wave.grad.norm()
        assert PerceptualDisturbance()(better, voice()[None]) < loss


def test_silence_as_target_is_finite() -> None:
    assert np.isfinite(disturbance(noise(), torch.zeros(3 * RATE)))

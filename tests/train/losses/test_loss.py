"""The terms of the loss against a plain NumPy computation, and where each of them is zero."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lipstream.errors import InputError
from lipstream.train.losses.loss import LossConfig, SpectralLoss

CONFIG = LossConfig(window=64, hop=16)


def waves(seed: int, level: float = 0.1, batch: int = 2) -> Tensor:
    return level * torch.randn(batch, 400, generator=torch.Generator().manual_seed(seed))


def compressed(wave: np.ndarray, config: LossConfig) -> tuple[np.ndarray, np.ndarray]:
    """Magnitude ** c and magnitude ** c * e^(i phase) of the frames around each hop, mirrored at the ends."""
    half = config.window // 2
    padded = np.pad(wave, half, mode="reflect")
    starts = range(0, wave.size + 1, config.hop)
    n = np.arange(config.window)
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * n / config.window))
    frames = np.stack([padded[start : start + config.window] for start in starts])
    spectrum = np.fft.rfft(frames * window) / np.sqrt(config.window)
    magnitude = np.sqrt(np.abs(spectrum) ** 2 + 1e-5)
    return magnitude**config.compression, spectrum * magnitude ** (config.compression - 1)


def expected_terms(estimate: Tensor, clean: Tensor, noisy: Tensor, config: LossConfig) -> dict[str, float]:
    rows = []
    for given, target, mixture in zip(*(x.double().numpy() for x in (estimate, clean, noisy)), strict=True):
        level = np.sqrt(np.mean(mixture**2))
        magnitude, spectrum = compressed(given / level, config)
        target_magnitude, target_spectrum = compressed(target / level, config)
        scale = given @ target / (target @ target)
        distortion = given - scale * target
        rows.append(
            {
                "magnitude": np.mean((magnitude - target_magnitude) ** 2),
                "complex": np.mean(np.abs(spectrum - target_spectrum) ** 2),
                "lost_speech": np.mean(np.maximum(target_magnitude - magnitude, 0) ** 2),
                "si_sdr": -10 * np.log10(scale**2 * (target @ target) / (distortion @ distortion)),
            }
        )
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def test_every_term_is_its_formula_and_the_loss_their_weighted_sum() -> None:
    clean = waves(0)
    noisy, estimate = clean + waves(1, 0.05), 0.8 * clean + waves(2, 0.02)
    total, terms = SpectralLoss(CONFIG)(estimate, clean, noisy)
    expected = expected_terms(estimate, clean, noisy, CONFIG)
    assert set(terms) == set(expected)  # the terms of the default weights
    for name, value in expected.items():
        assert float(terms[name]) == pytest.approx(value, rel=1e-3), name
    weighted = sum(getattr(CONFIG, name) * value for name, value in expected.items())
    assert float(total) == pytest.approx(weighted, rel=1e-3)


def test_a_perfect_estimate_costs_nothing_in_the_spectrum() -> None:
    clean = waves(0)
    _, terms = SpectralLoss(CONFIG)(clean, clean, clean + waves(1))
    assert float(terms["magnitude"]) == float(terms["complex"]) == float(terms["lost_speech"]) == 0.0
    assert float(terms["si_sdr"]) < -60.0


def test_a_sign_flip_costs_in_the_complex_term_alone() -> None:
    clean = waves(0)
    _, terms = SpectralLoss(CONFIG)(-clean, clean, clean)
    assert float(terms["magnitude"]) == pytest.approx(0.0, abs=1e-9)
    assert float(terms["complex"]) > 0.1


def test_lost_speech_counts_what_is_missing_and_not_what_is_too_much() -> None:
    clean = waves(0)
    louder, quieter = (SpectralLoss(CONFIG)(gain * clean, clean, clean)[1] for gain in (2.0, 0.5))
    assert float(louder["lost_speech"]) == 0.0
    assert float(louder["magnitude"]) > 0.0
    assert float(quieter["lost_speech"]) == pytest.approx(float(quieter["magnitude"]), rel=1e-6)


def test_the_level_of_a_recording_does_not_matter() -> None:
    clean, noisy, estimate = waves(0), waves(0) + waves(1, 0.05), waves(2)
    loud, _ = SpectralLoss(CONFIG)(estimate, clean, noisy)
    soft, _ = SpectralLoss(CONFIG)(*(0.01 * wave for wave in (estimate, clean, noisy)))
    assert float(soft) == pytest.approx(float(loud), rel=1e-4)


def test_gradients_reach_the_estimate_and_point_downhill() -> None:
    clean, noisy = waves(0), waves(0) + waves(1)
    estimate = noisy.clone().requires_grad_()
    loss, _ = SpectralLoss(CONFIG)(estimate, clean, noisy)
    loss.backward()
    assert estimate.grad is not None
    assert estimate.grad.isfinite().all()
    better, _ = SpectralLoss(CONFIG)((estimate - 1e-2 * estimate.grad).detach(), clean, noisy)
    assert float(better) < float(loss.detach())


@pytest.mark.parametrize("silent", ["estimate", "clean", "all"])
def test_silence_gives_finite_losses_and_gradients(silent: str) -> None:
    zero = torch.zeros(1, 400)
    clean = zero if silent in ("clean", "all") else waves(0, batch=1)
    estimate = (zero if silent in ("estimate", "all") else waves(1, batch=1)).clone().requires_grad_()
    loss, _ = SpectralLoss(CONFIG)(estimate, clean, zero if silent == "all" else waves(2, batch=1))
    loss.backward()
    assert math.isfinite(float(loss.detach()))
    assert estimate.grad is not None
    assert estimate.grad.isfinite().all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phase": -0.1}, "at least 0, and one above: magnitude, phase, complex"),
        (dict.fromkeys(LossConfig().weights(), 0.0), "one above"),
        ({"compression": 0.0}, "compression 0.0 must be above 0"),
        ({"hop": 0}, "hop 0 must be at least 1"),
        ({"window": 64, "hop": 33}, "at most half of window 64"),
    ],
)
def test_weights_and_transforms_that_make_no_loss_are_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LossConfig(**changes)


def test_a_weight_of_zero_leaves_its_term_out() -> None:
    _, terms = SpectralLoss(LossConfig(si_sdr=0.0, time=0.5, window=64, hop=16))(waves(0), waves(1), waves(2))
    assert list(terms) == ["magnitude", "complex", "lost_speech", "time"]

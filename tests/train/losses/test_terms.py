"""Each term of the loss against a plain NumPy computation, where it is zero, and that gradients flow."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lipstream.bench import metrics
from lipstream.models.config import StftConfig
from lipstream.models.layers.stft import Analysis, Synthesis
from lipstream.train.losses.loss import LISTENERS, TERMS, LossConfig, SpectralLoss
from lipstream.train.losses.terms import EPS, anti_wrapped, phase, si_sdr

SMALL = LossConfig(window=64, hop=16)


def loss_of(*names: str) -> SpectralLoss:
    """The loss with some of the terms, at weight 1."""
    weights: dict[str, Any] = {name: float(name in names) for name in SMALL.weights()}
    return SpectralLoss(replace(SMALL, **weights))


def waves(seed: int, level: float = 0.1, batch: int = 2, length: int = 400) -> Tensor:
    return level * torch.randn(batch, length, generator=torch.Generator().manual_seed(seed))


def spectra(wave: Tensor) -> np.ndarray:
    """Complex ``[B, F, T]`` of the frames around each hop, mirrored at the ends, in float64."""
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(64) / 64))
    rows = []
    for row in wave.double().numpy():
        padded = np.pad(row, 32, mode="reflect")
        frames = np.stack([padded[start : start + 64] for start in range(0, row.size + 1, 16)], axis=1)
        rows.append(np.fft.rfft(frames * window[:, None], axis=0) / 8)
    return np.stack(rows)


def unit(wave: Tensor, noisy: Tensor) -> Tensor:
    return wave / noisy.square().mean(-1, keepdim=True).sqrt()


def wrapped_by_hand(angle: np.ndarray) -> np.ndarray:
    """Distance to the nearest whole turn, by the angle of a point on the circle."""
    return np.abs(np.angle(np.exp(1j * angle)))


def test_the_phase_term_is_the_sum_of_the_three_anti_wrapped_errors() -> None:
    clean, estimate, noisy = waves(0), waves(1), waves(2)
    sides = [spectra(unit(wave, noisy)) for wave in (estimate, clean)]
    # Phases of bins below the floor count as 0.
    given, wanted = (np.where(np.abs(side) ** 2 < EPS, 0.0, np.angle(side)) for side in sides)
    expected = sum(
        np.mean(wrapped_by_hand(change(given) - change(wanted)))
        for change in (
            lambda p: p,  # instantaneous phase
            lambda p: p[:, 1:] - p[:, :-1],  # group delay
            lambda p: p[:, :, 1:] - p[:, :, :-1],  # phase time difference
        )
    )
    total, _ = loss_of("phase")(estimate, clean, noisy)
    assert float(total) == pytest.approx(expected, rel=1e-3)


def test_the_phase_does_not_see_levels_and_a_sign_flip_is_half_a_turn() -> None:
    clean, noisy = waves(0), waves(1)
    louder, _ = loss_of("phase")(3.0 * clean, clean, 0.1 * noisy)
    assert float(louder) == pytest.approx(0.0, abs=1e-4)
    flipped, _ = loss_of("phase")(-clean, clean, 0.1 * noisy)
    assert float(flipped) == pytest.approx(math.pi, rel=1e-3)  # the slopes stay the same


@given(st.floats(-50, 50), st.integers(-5, 5))
def test_anti_wrapping_does_not_see_whole_turns(angle: float, turns: int) -> None:
    value = torch.tensor(angle, dtype=torch.float64)
    found = float(anti_wrapped(value))
    assert 0.0 <= found <= math.pi + 1e-9
    assert found == pytest.approx(float(wrapped_by_hand(np.array(angle))), abs=1e-9)
    assert float(anti_wrapped(value + 2 * math.pi * turns)) == pytest.approx(found, abs=1e-9)


def test_a_phase_without_power_is_zero_and_has_no_gradient() -> None:
    spectrum = torch.tensor([[0.0, 0.0], [1e-4, -1e-4], [0.0, 2.0]], requires_grad=True)
    real, imaginary = spectrum.unbind(-1)
    found = phase((real, imaginary))
    assert found.tolist() == pytest.approx([0.0, 0.0, math.pi / 2])
    found.sum().backward()
    assert spectrum.grad is not None
    assert spectrum.grad.tolist() == [[0.0, 0.0], [0.0, 0.0], [-0.5, 0.0]]


def test_time_is_the_mean_absolute_difference_at_the_level_of_the_mixture() -> None:
    clean, estimate, noisy = waves(0), waves(1), waves(2)
    total, _ = loss_of("time")(estimate, clean, noisy)
    expected = (unit(estimate, noisy) - unit(clean, noisy)).abs().mean()
    assert float(total) == pytest.approx(float(expected), rel=1e-5)


def test_consistency_is_the_squared_distance_of_the_compressed_spectra() -> None:
    noisy = waves(2)
    drawn, again = (torch.randn(2, 2, 5, 7, generator=torch.Generator().manual_seed(k)) for k in (3, 4))
    level = noisy.square().mean(-1).sqrt().double().numpy()[:, None, None]
    compressed = []
    for side in (drawn, again):
        points = side.double().numpy()
        points = (points[:, 0] + 1j * points[:, 1]) / level
        compressed.append(points * (np.abs(points) ** 2 + EPS) ** (-0.35))
    expected = np.mean(np.abs(compressed[0] - compressed[1]) ** 2)
    total, _ = loss_of("consistency")(waves(0), waves(1), noisy, (drawn, again))
    assert float(total) == pytest.approx(expected, rel=1e-4)


def test_consistency_is_zero_for_the_spectrum_of_a_wave_and_not_for_another() -> None:
    config = StftConfig(window=64, hop=32)
    noisy = waves(2, length=640)
    spectrum, _ = Analysis(config)(noisy)
    broken = spectrum * torch.rand(spectrum.shape, generator=torch.Generator().manual_seed(0))
    found = []
    for drawn in (spectrum, broken):
        wave = Synthesis(config)(drawn)[0][:, 32:]
        again, _ = Analysis(config)(wave)
        pair = (drawn[:, :, 1 : again.shape[2]], again[:, :, 1:])
        found.append(float(loss_of("consistency")(noisy, noisy, noisy, pair)[0]))
    assert found[0] < 1e-6
    assert found[1] > 1e-2


@pytest.mark.parametrize("name", [*TERMS, *LISTENERS])
def test_every_term_has_a_gradient_that_leads_downhill(name: str) -> None:
    clean, noisy = waves(0, length=8000), waves(1, length=8000)
    if name == "residual_noise":
        clean[:, 4000:6000] = 0.0  # it looks at pauses alone
    estimate = (0.5 * clean + 0.3 * noisy).requires_grad_()
    loss = loss_of(name)

    def value(wave: Tensor) -> Tensor:
        pair = (wave.view(2, 2, 80, 50), clean.view(2, 2, 80, 50))
        total, terms = loss(wave, clean, noisy, pair)
        assert list(terms) == [name]
        return total

    before = value(estimate)
    before.backward()
    assert estimate.grad is not None
    assert estimate.grad.isfinite().all()
    assert estimate.grad.any()
    step = 1e-4 * estimate.grad / estimate.grad.norm()
    assert float(value((estimate - step).detach())) < float(before.detach())


@pytest.mark.parametrize("change", [lambda x: 0.0 * x, lambda x: x], ids=["silent", "perfect"])
@pytest.mark.parametrize("name", [*TERMS, *LISTENERS])
def test_silent_and_perfect_estimates_have_finite_gradients(
    name: str, change: Callable[[Tensor], Tensor]
) -> None:
    clean = waves(0, length=8000)
    estimate = change(clean).clone().requires_grad_()
    pair = (estimate.view(2, 2, 80, 50), clean.view(2, 2, 80, 50))
    total, _ = loss_of(name)(estimate, clean, clean + waves(1, length=8000), pair)
    total.backward()
    assert estimate.grad is not None
    assert estimate.grad.isfinite().all()


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 12.0, 30.0])
def test_si_sdr_is_that_of_the_bench(snr_db: float) -> None:
    clean = waves(0, 1.0)
    clean -= clean.mean(-1, keepdim=True)
    noise = waves(1, 10 ** (-snr_db / 20))
    estimate = 0.7 * (clean + noise - noise.mean(-1, keepdim=True))
    for found, a, b in zip(si_sdr(estimate, clean), clean, estimate, strict=True):
        assert float(found) == pytest.approx(metrics.si_sdr(a.numpy(), b.numpy()), abs=0.01)


@pytest.mark.parametrize("gain", [0.5, 0.8, 1.3])
def test_the_snr_sees_a_wrong_level_and_the_si_sdr_does_not(gain: float) -> None:
    clean, noise = waves(0), waves(1, 0.01)
    estimate = gain * clean + noise
    _, terms = loss_of("snr", "si_sdr")(estimate, clean, clean)
    error = (estimate - clean).double().square().sum(-1)
    expected = -10 * torch.log10(clean.double().square().sum(-1) / error).mean()
    assert float(terms["snr"]) == pytest.approx(float(expected), abs=1e-3)
    assert float(terms["snr"]) > 20 * math.log10(abs(1 - gain)) - 0.1
    assert float(terms["si_sdr"]) == pytest.approx(-20.0 - 20 * math.log10(gain), abs=1.0)


def test_the_loss_of_a_batch_is_the_mean_of_those_of_its_halves() -> None:
    """What processes that share a batch rely on."""
    loss = loss_of(*TERMS, *LISTENERS)
    parts = [waves(seed, batch=4, length=8000) for seed in range(3)]
    pair = (parts[0].view(4, 2, 80, 50), parts[1].view(4, 2, 80, 50))
    whole, _ = loss(*parts, pair)
    halves = [
        loss(*(part[half] for part in parts), (pair[0][half], pair[1][half]))[0]
        for half in (slice(0, 2), slice(2, 4))
    ]
    torch.testing.assert_close((halves[0] + halves[1]) / 2, whole, rtol=1e-5, atol=1e-6)


def test_residual_noise_counts_decibels_in_pauses_alone() -> None:
    noisy = waves(0, length=1600)
    clean = noisy.clone()
    clean[:, 800:] = 0.0
    louder = torch.where(clean == 0.0, 0.1 * noisy, clean)
    quieter = torch.where(clean == 0.0, 0.01 * noisy, clean)
    term = loss_of("residual_noise")
    untouched, loud, quiet = (float(term(estimate, clean, noisy)[0]) for estimate in (clean, louder, quieter))
    assert untouched < 0.1  # the frames at the border hold both
    in_pauses = 0.5 * (10 * math.log10(1 + 10**2.5) - 10 * math.log10(1 + 10**0.5))
    assert loud - quiet == pytest.approx(in_pauses, rel=0.1)


def test_residual_noise_does_not_see_what_speech_covers() -> None:
    clean, noise = waves(0), waves(1)
    assert float(loss_of("residual_noise")(clean + noise, clean, clean + noise)[0]) == 0.0

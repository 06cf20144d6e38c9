"""The terms a loss is made of: small functions of a `Comparison`, scalars that fall as the estimate improves.

All means run over every item, frame and bin alike, so that the mean over the parts of a batch is that of the
whole: processes may share a batch.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

#: Real and imaginary part of a spectrum, each in a tensor of its own.
Parts = tuple[Tensor, Tensor]

#: Power under which the compressed spectrum is smooth and a phase means nothing (signals are at unit level).
EPS = 1e-5


#: A frame of clean speech is a pause below this power, and what is left of noise below the other one is no
#: longer worth an effort; both are means over the bins of a frame, relative to the mixture.
PAUSE, INAUDIBLE = 10**-4.5, 10**-4.5


class Signal(NamedTuple):
    """One side of a comparison.

    Attributes:
        wave: ``[B, N]``, relative to the level of the mixture.
        spectrum: ``[B, T, F]``, so scaled that white noise of unit power has bins of about unit power.
        magnitude: ``[B, T, F]``, compressed.
        compressed: ``[B, T, F]``, the compressed magnitude with the phase of the spectrum.
    """

    wave: Tensor
    spectrum: Parts
    magnitude: Tensor
    compressed: Parts


class Comparison(NamedTuple):
    """What the terms compare: the estimate with the clean speech, and its spectrum with that of its wave.

    ``consistency`` is the pair of compressed spectra ``[B, T, F]`` that `consistency_error` compares; None
    where no weight asks for it.
    """

    estimate: Signal
    clean: Signal
    consistency: tuple[Parts, Parts] | None


def magnitude_error(pair: Comparison) -> Tensor:
    """Squared error of the compressed magnitude: Braun & Tashev, "A consolidated view of loss functions for
    supervised deep learning-based speech enhancement", TSP 2021, equation 4, left term."""
    return F.mse_loss(pair.estimate.magnitude, pair.clean.magnitude)


def complex_error(pair: Comparison) -> Tensor:
    """Squared error of the compressed spectrum, real and imaginary part summed: ibid., right term."""
    return _distance(pair.estimate.compressed, pair.clean.compressed)


def lost_speech(pair: Comparison) -> Tensor:
    """Squared compressed magnitude that the estimate lacks: over-suppression hurts more than residue."""
    return (pair.clean.magnitude - pair.estimate.magnitude).clamp(min=0.0).square().mean()


def residual_noise(pair: Comparison) -> Tensor:
    """What is heard while nobody speaks: ``10 log10(1 + E / INAUDIBLE)`` over frames.

    ``E`` is the power that a frame has beyond that of the clean one: what a quiet room leaves in a clean
    recording is no noise, and a network that takes it away as well over-suppresses. Frames in which the clean
    speech is louder than `PAUSE` count as 0. In dB, since an error of the compressed magnitude that does not
    matter beside speech is loud where there is none.
    """
    heard, spoken = (
        (signal.spectrum[0].square() + signal.spectrum[1].square()).mean(-1)
        for signal in (pair.estimate, pair.clean)
    )
    left_db = 10.0 * torch.log10(1.0 + (heard - spoken).clamp(min=0.0) / INAUDIBLE)
    return torch.where(spoken < PAUSE, left_db, 0.0).mean()


def phase_error(pair: Comparison) -> Tensor:
    """Errors of the instantaneous phase, the group delay and the phase time difference, summed.

    ``mean f(P' - P) + mean f(d_F P' - d_F P) + mean f(d_T P' - d_T P)``, ``f`` = `anti_wrapped`, ``d_F`` and
    ``d_T`` differences along frequency and time: Ai & Ling, "Neural speech phase prediction based on parallel
    estimation architecture and anti-wrapping losses", ICASSP 2023, section 2.2.
    """
    return wrapped_error(phase(pair.estimate.spectrum) - phase(pair.clean.spectrum))


def wrapped_error(error: Tensor) -> Tensor:
    """Of the difference of two phases, ``[B, T, F]`` or ``[B, F, T]``: see `phase_error`."""
    slopes = (error, error.diff(dim=1), error.diff(dim=2))  # differences are linear: of errors as of phases
    return torch.stack([anti_wrapped(slope).mean() for slope in slopes]).sum()


def consistency_error(pair: Comparison) -> Tensor:
    """Squared error between the spectrum that was estimated and that of the wave made of it, compressed.

    ``mean |S' - STFT(iSTFT(S'))|^2``, zero where the estimate is the spectrum of some wave: Lu, Ai, Ling,
    "Explicit estimation of magnitude and phase spectra in parallel for high-quality speech enhancement" (the
    long version of MP-SENet), the consistency loss; the idea is Le Roux, Ono, Sagayama's (SAPA 2008).
    """
    assert pair.consistency is not None, "a weight on consistency needs the spectra it compares"
    return _distance(*pair.consistency)


def negative_si_sdr(pair: Comparison) -> Tensor:
    """Minus the mean SI-SDR in dB."""
    return -si_sdr(pair.estimate.wave, pair.clean.wave).mean()


def negative_snr(pair: Comparison) -> Tensor:
    """Minus the mean SNR in dB, ``10 log10(|s|^2 / |s' - s|^2)``, which sees the level too: the training loss
    of DTLN (Westhausen & Meyer, Interspeech 2020, section 2.3). The constants are those of `si_sdr`."""
    error = pair.estimate.wave - pair.clean.wave
    spoken, wrong = (x.square().sum(-1) + 1e-6 for x in (pair.clean.wave, error))
    return -10.0 * torch.log10(spoken / wrong).mean()


def time_error(pair: Comparison) -> Tensor:
    """Absolute error of the wave, ``mean |x' - x|``: the time loss of MP-SENet and SEMamba (Chao et al., "An
    investigation of incorporating Mamba for speech enhancement", SLT 2024)."""
    return (pair.estimate.wave - pair.clean.wave).abs().mean()


def anti_wrapped(angle: Tensor) -> Tensor:
    """Distance to the nearest whole turn, ``|x - 2 pi round(x / 2 pi)|``, in [0, pi]: Ai & Ling 2023."""
    turn = 2.0 * math.pi
    return (angle - turn * torch.round(angle / turn)).abs()


def _distance(first: Parts, second: Parts) -> Tensor:
    """Mean squared distance of two spectra."""
    real, imaginary = (F.mse_loss(one, other) for one, other in zip(first, second, strict=True))
    return real + imaginary


def phase(spectrum: Parts) -> Tensor:
    """In (-pi, pi]; 0, without a gradient, where the power is below `EPS`.

    The gradient of a phase grows as the magnitude falls and has no limit at 0.
    """
    real, imaginary = spectrum
    silent = real.square() + imaginary.square() < EPS
    return torch.atan2(imaginary.masked_fill(silent, 0.0), real.masked_fill(silent, 1.0))


def si_sdr(estimate: Tensor, target: Tensor) -> Tensor:
    """Scale-invariant signal-to-distortion ratio in dB, ``[B, N], [B, N] -> [B]``.

    Le Roux, Wisdom, Erdogan, Hershey: "SDR - half-baked or well done?", ICASSP 2019, equation 5, on signals
    with their mean. Small constants keep it and its gradient finite for silence and for perfect estimates.
    """
    scale = (estimate * target).sum(-1, keepdim=True) / (target.square().sum(-1, keepdim=True) + 1e-8)
    projected = scale * target
    noise = estimate - projected
    return 10.0 * torch.log10((projected.square().sum(-1) + 1e-6) / (noise.square().sum(-1) + 1e-6))

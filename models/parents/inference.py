"""Whole recordings through a parent: wave to wave, with perceptual contrast stretching if wanted.

A recording longer than `WINDOW_S` goes through the network in overlapping windows, so that memory stays
bounded: the features of a minute would take gigabytes.

Chao et al. 2022, "Perceptual contrast stretching on target feature for speech enhancement".
"""

from functools import partial
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import InputError
from .config import Offsets, ParentConfig
from .windows import Windows

#: Rate in Hz that the parents hear.
SAMPLE_RATE = 16_000

#: Length in seconds of the windows of a long recording, and over how much neighbours cross-fade.
WINDOW_S, FADE_S = 10.0, 1.0

#: STFT of the stretching, in samples at 16 kHz.
N_FFT, HOP = 400, 100

#: (first bin after the region, weight of the log magnitude in it), from the band importance of the SII.
REGIONS = (
    (3, 1.0),
    (5, 1.070175439),
    (8, 1.18245614),
    (10, 1.287719298),
    (110, 1.4),
    (130, 1.322807018),
    (160, 1.238596491),
    (190, 1.161403509),
    (201, 1.077192982),
)


def pcs_weights() -> Tensor:
    """The weight of each bin, ``[201]``."""
    weights, start = torch.empty(N_FFT // 2 + 1), 0
    for stop, weight in REGIONS:
        weights[start:stop] = weight
        start = stop
    return weights


def perceptual_contrast_stretching(wave: Tensor) -> Tensor:
    """Weigh ``log(1 + |X|)`` in each bin and keep the phase: ``[B, N] -> [B, N]`` at 16 kHz.

    The result keeps the peak of its input; the published tool brings the peak to 1: the same but for level.
    """
    length = wave.shape[1]
    window = torch.hamming_window(N_FFT, periodic=False, device=wave.device, dtype=wave.dtype)
    spectrum = torch.stft(
        F.pad(wave, (0, N_FFT // 2)), N_FFT, HOP, window=window, pad_mode="constant", return_complex=True
    )
    weights = pcs_weights().to(wave)[:, None]
    stretched = torch.polar(torch.expm1(weights * torch.log1p(spectrum.abs())), spectrum.angle())
    result = torch.istft(stretched, N_FFT, HOP, window=window, length=length)
    peak = result.abs().amax(dim=1, keepdim=True).clamp(min=torch.finfo(wave.dtype).tiny)
    return result * (wave.abs().amax(dim=1, keepdim=True) / peak)


#: Input below this RMS counts as silence: it is not brought to unit level.
_SILENCE_RMS = 1e-8


class ParentModel(Protocol):
    """A parent: compressed magnitude and phase ``[B, F, T]`` to clean ones and their ``[B, F, T, 2]``."""

    @property
    def config(self) -> Any:
        """A `ParentConfig`."""

    def __call__(self, noisy_mag: Tensor, noisy_pha: Tensor, /) -> tuple[Tensor, Tensor, Tensor]: ...


#: What `analyse` adds where a parent has none of its own and gradients are wanted: they have no limit at 0.
_LEARNING = Offsets(power=1e-10, real=1e-10, imag=1e-10)


def analyse(wave: Tensor, config: ParentConfig, learns: bool = False) -> tuple[Tensor, Tensor]:
    """Compressed magnitude and phase of a centred Hann STFT: ``[B, N]`` -> twice ``[B, F, T]``.

    ``learns``: gradients will go through it.
    """
    window = torch.hann_window(config.win_size, device=wave.device, dtype=wave.dtype)
    spectrum = torch.stft(
        wave,
        config.n_fft,
        config.hop_size,
        config.win_size,
        window,
        center=True,
        pad_mode="reflect",
        return_complex=True,
    )
    offsets = config.offsets or (_LEARNING if learns else None)
    if offsets is None:
        return spectrum.abs() ** config.compress_factor, spectrum.angle()
    power = spectrum.real.square() + spectrum.imag.square() + offsets.power
    phase = torch.atan2(spectrum.imag + offsets.imag, spectrum.real + offsets.real)
    return power ** (0.5 * config.compress_factor), phase


def synthesise(mag: Tensor, pha: Tensor, config: ParentConfig, length: int) -> Tensor:
    """The inverse of `analyse`: twice ``[B, F, T]`` -> ``[B, length]``."""
    window = torch.hann_window(config.win_size, device=mag.device, dtype=mag.dtype)
    spectrum = torch.polar(mag ** (1.0 / config.compress_factor), pha)
    return torch.istft(
        spectrum, config.n_fft, config.hop_size, config.win_size, window, center=True, length=length
    )


@torch.no_grad()
def enhance_offline(
    model: ParentModel, wave: Tensor, pcs: bool = False, window_s: float = WINDOW_S, fade_s: float = FADE_S
) -> Tensor:
    """Enhance whole recordings.

    Args:
        model: in the mode it should run in (`load_parent` gives it ready).
        wave: ``[B, N]`` at 16 kHz, on the model's device.
        pcs: stretch the perceptual contrast of the result (`perceptual_contrast_stretching`).
        window_s: a longer recording goes through the network in windows of so many seconds. What looks at a
            whole recording, level, norms, attention and the peak that ``pcs`` keeps, looks at a window.
        fade_s: neighbouring windows overlap by at least so many seconds, and cross-fade: see `Windows`.

    Returns:
        ``[B, N]`` at the level of the input.

    Raises:
        InputError: the wave is not ``[B, N]``, shorter than half a frame, or not finite; or the windows are
            too short.
    """
    least = model.config.n_fft // 2 + 1
    if wave.ndim != 2 or wave.shape[1] < least:
        raise InputError(f"a wave of shape [B, N] with N >= {least} is needed, got {list(wave.shape)}")
    if not torch.isfinite(wave).all():
        raise InputError("the wave has samples that are NaN or infinite: clean or replace them first")
    window, fade = round(window_s * SAMPLE_RATE), round(fade_s * SAMPLE_RATE)
    if not 0 < 2 * fade <= window or window < least:
        raise InputError(f"windows of {window_s:g} s are too short: give twice the {fade_s:g} s they fade")
    return Windows(partial(enhance_window, model, pcs=pcs), window, fade).finish(wave)


@torch.no_grad()
def enhance_window(model: ParentModel, wave: Tensor, pcs: bool = False) -> Tensor:
    """What a network hears at once, ``[B, n] -> [B, n]``, each row at unit RMS for the network.

    ``pcs`` as in `enhance_offline`. Less than half a frame stays as it is.
    """
    if wave.shape[1] <= model.config.n_fft // 2:
        return wave
    rms = wave.square().mean(dim=1, keepdim=True).sqrt().clamp(min=_SILENCE_RMS)
    mag, pha, _ = model(*analyse(wave / rms, model.config))
    enhanced = synthesise(mag, pha, model.config, wave.shape[1]) * rms
    return perceptual_contrast_stretching(enhanced) if pcs else enhanced

"""Whole recordings through a parent: wave to wave, with perceptual contrast stretching if wanted.

A recording longer than `WINDOW_S` goes through the network in overlapping windows, so that memory stays
bounded: the features of a minute would take gigabytes.

Chao et al. 2022, "Perceptual contrast stretching on target feature for speech enhancement".
"""

from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import InputError
from .config import ParentConfig

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

    def load_state_dict(self, state_dict: dict[str, Any], strict: bool = True) -> Any: ...

    def eval(self) -> Any: ...


def analyse(wave: Tensor, config: ParentConfig) -> tuple[Tensor, Tensor]:
    """Compressed magnitude and phase of a centred Hann STFT: ``[B, N]`` -> twice ``[B, F, T]``."""
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
    if (offsets := config.offsets) is None:
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
        wave: ``[B, N]`` at 16 kHz, on the model's device; each row is brought to unit RMS for the network.
        pcs: stretch the perceptual contrast of the result (`perceptual_contrast_stretching`).
        window_s: a longer recording goes through the network in windows of so many seconds. What looks at a
            whole recording there, norms and attention, looks at a window.
        fade_s: neighbouring windows overlap by at least so many seconds, and cross-fade.

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
    rms = wave.square().mean(dim=1, keepdim=True).sqrt().clamp(min=_SILENCE_RMS)
    window, fade = round(window_s * SAMPLE_RATE), round(fade_s * SAMPLE_RATE)
    if not 0 < 2 * fade <= window or window < least:
        raise InputError(f"windows of {window_s:g} s are too short: give twice the {fade_s:g} s they fade")
    enhanced = _in_windows(model, wave / rms, window, fade) * rms
    return perceptual_contrast_stretching(enhanced) if pcs else enhanced


def _in_windows(model: ParentModel, wave: Tensor, window: int, fade: int) -> Tensor:
    """``[B, N] -> [B, N]``: windows of one length, the last of which ends with the recording, cross-faded."""
    length = wave.shape[1]
    if length <= window:
        return _whole(model, wave)
    starts = [*range(0, length - window, window - fade), length - window]
    ramp = (torch.arange(fade, device=wave.device, dtype=wave.dtype) + 0.5) / fade
    faded, total = torch.zeros_like(wave), wave.new_zeros(length)
    for start in starts:
        weight = wave.new_ones(window)
        if start > 0:
            weight[:fade] = ramp
        if start < length - window:
            weight[-fade:] = ramp.flip(0)
        part = slice(start, start + window)
        faded[:, part] += weight * _whole(model, wave[:, part])
        total[part] += weight
    return faded / total


def _whole(model: ParentModel, wave: Tensor) -> Tensor:
    mag, pha, _ = model(*analyse(wave, model.config))
    return synthesise(mag, pha, model.config, wave.shape[1])

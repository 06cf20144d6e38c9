"""Whole recordings through `SEMamba`: wave to wave, with perceptual contrast stretching if wanted.

Chao et al. 2022, "Perceptual contrast stretching on target feature for speech enhancement".
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import InputError
from .semamba import SEMamba, SEMambaConfig

#: STFT of the method, in samples at 16 kHz.
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


def analyse(wave: Tensor, config: SEMambaConfig) -> tuple[Tensor, Tensor]:
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
    return spectrum.abs() ** config.compress_factor, spectrum.angle()


def synthesise(mag: Tensor, pha: Tensor, config: SEMambaConfig, length: int) -> Tensor:
    """The inverse of `analyse`: twice ``[B, F, T]`` -> ``[B, length]``."""
    window = torch.hann_window(config.win_size, device=mag.device, dtype=mag.dtype)
    spectrum = torch.polar(mag ** (1.0 / config.compress_factor), pha)
    return torch.istft(
        spectrum, config.n_fft, config.hop_size, config.win_size, window, center=True, length=length
    )


@torch.no_grad()
def enhance_offline(model: SEMamba, wave: Tensor, pcs: bool = False) -> Tensor:
    """Enhance whole recordings.

    Args:
        model: in the mode it should run in (`load_semamba_checkpoint` gives it ready).
        wave: ``[B, N]`` at 16 kHz, on the model's device; each row is brought to unit RMS for the network.
        pcs: stretch the perceptual contrast of the result (`perceptual_contrast_stretching`).

    Returns:
        ``[B, N]`` at the level of the input.

    Raises:
        InputError: the wave is not ``[B, N]``, shorter than half a frame, or not finite.
    """
    least = model.config.n_fft // 2 + 1
    if wave.ndim != 2 or wave.shape[1] < least:
        raise InputError(f"a wave of shape [B, N] with N >= {least} is needed, got {list(wave.shape)}")
    if not torch.isfinite(wave).all():
        raise InputError("the wave has samples that are NaN or infinite: clean or replace them first")
    rms = wave.square().mean(dim=1, keepdim=True).sqrt().clamp(min=_SILENCE_RMS)
    mag, pha, _ = model(*analyse(wave / rms, model.config))
    enhanced = synthesise(mag, pha, model.config, wave.shape[1]) * rms
    return perceptual_contrast_stretching(enhanced) if pcs else enhanced

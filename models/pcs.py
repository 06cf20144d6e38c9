"""Perceptual contrast stretching: an optional last step that makes enhanced speech stand out.

Chao et al. 2022, "Perceptual contrast stretching on target feature for speech enhancement".
"""

import torch
import torch.nn.functional as F
from torch import Tensor

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

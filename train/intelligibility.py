"""A loss that listens for words: ESTOI, differentiable.

Jensen & Taal, "An algorithm for predicting the intelligibility of speech masked by modulated noise maskers",
TASLP 2016, section II. Its frames are taken at 16 kHz instead of 10 kHz, with the same length in seconds, and
pauses are left out frame by frame, without overlap-add of the rest: that changes the measure by some
thousandths, where there are many pauses by up to 0.03.
"""

import torch
from torch import Tensor, nn

_SAMPLE_RATE, _WINDOW, _HOP, _FFT = 16_000, 410, 205, 1024
#: One-third octave bands, the lowest around 150 Hz.
_BANDS, _LOWEST_HZ = 15, 150.0
#: Frames of a segment: 384 ms.
_SEGMENT = 30
#: Frames this much weaker than the loudest one are pauses.
_PAUSE_DB = 40.0
_TINY = 1e-8


class LostIntelligibility(nn.Module):
    """What is lost of the extended short-time objective intelligibility: 0 for the same, 1 if all of it."""

    window: Tensor
    pooling: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(_WINDOW), persistent=False)
        self.register_buffer("pooling", _third_octaves(), persistent=False)

    def forward(self, estimate: Tensor, clean: Tensor) -> Tensor:
        """``[B, N], [B, N]`` at 16 kHz, aligned, any level -> ``[B]``; 0 where speech is too short."""
        clean_bands, speech = self._bands(clean)
        estimate_bands, _ = self._bands(estimate)
        return 1.0 - torch.stack(
            [
                _estoi(x[:, kept], y[:, kept])
                for x, y, kept in zip(estimate_bands, clean_bands, speech, strict=True)
            ]
        )

    def _bands(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, N]`` -> magnitudes of the bands ``[B, 15, T]``, and which frames are no pauses ``[B, T]``."""
        spectrum = torch.stft(
            wave, _FFT, _HOP, _WINDOW, window=self.window, center=False, return_complex=True
        ).transpose(1, 2)
        real, imaginary = torch.view_as_real(spectrum).unbind(-1)
        power = real.square() + imaginary.square()
        level = power.detach().sum(-1)
        loudest = level.amax(-1, keepdim=True)
        bands = (power @ self.pooling + _TINY).sqrt()
        return bands.transpose(1, 2), level > loudest * 10 ** (-_PAUSE_DB / 10)


def _third_octaves() -> Tensor:
    """``[513, 15]``: 1 where a bin belongs to a band, its edges at the nearest bins."""
    hz = torch.linspace(0, _SAMPLE_RATE / 2, _FFT // 2 + 1)
    centre = _LOWEST_HZ * 2.0 ** (torch.arange(_BANDS) / 3)
    low, high = (
        (hz[:, None] - edge).abs().argmin(0) for edge in (centre * 2 ** (-1 / 6), centre * 2 ** (1 / 6))
    )
    bins = torch.arange(len(hz))[:, None]
    return ((bins >= low) & (bins < high)).float()


def _estoi(estimate: Tensor, clean: Tensor) -> Tensor:
    """``[15, T], [15, T]`` -> scalar: the mean correlation of segments (equations 3 to 7)."""
    if clean.shape[1] < _SEGMENT:
        return 1.0 + 0.0 * estimate.sum()  # a gradient of 0
    x, y = (_normalised(bands.unfold(1, _SEGMENT, 1)) for bands in (estimate, clean))
    return (x * y).sum(0).mean()


def _normalised(segments: Tensor) -> Tensor:
    """``[15, S, 30]`` without mean and of unit length in each row, a band, then in each column, a frame."""
    for dim in (2, 0):
        segments = segments - segments.mean(dim, keepdim=True)
        segments = segments * (segments.square().sum(dim, keepdim=True) + _TINY).rsqrt()
    return segments

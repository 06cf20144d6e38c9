"""Losses that listen: the disturbance that PESQ counts, and ESTOI, both differentiable.

The perceptual model follows ITU-T P.862 (2001), sections 10.2.3 to 10.2.11 (Rix, Beerends, Hollier, Hekstra:
"Perceptual evaluation of speech quality (PESQ)", ICASSP 2001), as Martin-Donas et al. made it a loss: "A deep
learning loss function based on the perceptual evaluation of the speech quality", SPL 2018. Band edges and
hearing threshold come from the formulas of Zwicker & Terhardt (JASA 1980) and Terhardt (Hearing Research
1979), not from tables; there is no time alignment, for the output's delay is known.

Jensen & Taal, "An algorithm for predicting the intelligibility of speech masked by modulated noise maskers",
TASLP 2016, section II. Its frames are taken at 16 kHz instead of 10 kHz, with the same length in seconds, and
pauses are left out frame by frame, without overlap-add of the rest: that changes the measure by some
thousandths, where there are many pauses by up to 0.03.
"""

import torch
from torch import Tensor, nn

_SAMPLE_RATE, _WINDOW, _HOP = 16_000, 512, 256
_BANDS = 49
#: Listening level of the clean speech in dB SPL over all bands (P.862 section 10.1).
_LISTENING_DB = 79.0
#: Frames of an interval in which disturbances are pooled with the power 6 (about 320 ms).
_INTERVAL = 20
_TINY = 1e-8


def _bark(hz: Tensor) -> Tensor:
    """Critical-band rate (Zwicker & Terhardt 1980, equation 1)."""
    return 13.0 * torch.atan(0.00076 * hz) + 3.5 * torch.atan((hz / 7500.0).square())


def _hearing_threshold_db(hz: Tensor) -> Tensor:
    """Absolute threshold in dB SPL (Terhardt 1979, equation 12)."""
    khz = hz.clamp(min=20.0) / 1000.0
    hump = 6.5 * torch.exp(-0.6 * (khz - 3.3).square())
    return 3.64 * khz.pow(-0.8) - hump + 1e-3 * khz.pow(4)


class PerceptualDisturbance(nn.Module):
    """How far speech is from clean speech, as PESQ hears it: 0 for the same.

    The sum that P.862 takes from its best score: 0.1 symmetric + 0.0309 asymmetric disturbance. Left out is
    its compensation of a constant filter, which over seconds takes steady noise for a filter: without it
    this loss follows PESQ closer.
    """

    window: Tensor
    pooling: Tensor
    width: Tensor
    threshold: Tensor
    exponent: Tensor

    def __init__(self) -> None:
        super().__init__()
        hz = torch.arange(1, _WINDOW // 2 + 1) * (_SAMPLE_RATE / _WINDOW)  # without the constant
        bark = _bark(hz)
        width = float(bark[-1]) / _BANDS
        centres = (torch.arange(_BANDS) + 0.5) * width
        # Triangles twice as wide as their distance: every bin's power is shared by two bands, none is lost.
        pooling = (1.0 - (bark[:, None] - centres).abs() / width).clamp(min=0.0)
        pooling = pooling / pooling.sum(1, keepdim=True).clamp(min=_TINY)
        centre_hz = (pooling * hz[:, None]).sum(0) / pooling.sum(0).clamp(min=_TINY)
        centre_hz = torch.where(pooling.sum(0) > 0, centre_hz, hz[0])
        low = (6.0 / (centres + 2.0)).clamp(1.0, 2.0)  # loudness grows faster at low frequencies
        self.register_buffer("window", torch.hann_window(_WINDOW), persistent=False)
        self.register_buffer("pooling", pooling, persistent=False)
        self.register_buffer("width", torch.full((_BANDS,), width), persistent=False)
        threshold = 10 ** (_hearing_threshold_db(centre_hz) / 10)
        self.register_buffer("threshold", threshold, persistent=False)
        self.register_buffer("exponent", 0.23 * low**0.15, persistent=False)

    def forward(self, estimate: Tensor, clean: Tensor) -> Tensor:
        """``[B, N], [B, N]`` at 16 kHz, aligned, any level -> disturbance ``[B]``."""
        reference, degraded = self._power(clean), self._power(estimate)
        level = 10 ** (_LISTENING_DB / 10)
        scale = level / reference.sum(-1).mean(-1).clamp(min=_TINY)[:, None, None]
        reference, degraded = reference * scale, degraded * scale
        degraded = degraded * _gain_ratio(reference, degraded)
        symmetric, asymmetric = self._disturbances(reference, degraded)
        weight = ((reference.sum(-1) + 1e5) / 1e7) ** 0.04
        symmetric, asymmetric = (symmetric / weight).clamp(max=45.0), (asymmetric / weight).clamp(max=45.0)
        return 0.1 * _pooled(symmetric) + 0.0309 * _pooled(asymmetric)

    def _power(self, wave: Tensor) -> Tensor:
        """``[B, N]`` -> power in critical bands ``[B, T, 49]``."""
        spectrum = torch.stft(wave, _WINDOW, _HOP, window=self.window, center=False, return_complex=True)
        real, imaginary = torch.view_as_real(spectrum[:, 1:].transpose(1, 2)).unbind(-1)
        return (real.square() + imaginary.square()) @ self.pooling

    def _loudness(self, power: Tensor) -> Tensor:
        """Zwicker's law in sone per band (section 10.2.8)."""
        low = (self.threshold / 0.5) ** self.exponent
        return 0.187 * low * ((0.5 + 0.5 * power / self.threshold) ** self.exponent - 1.0).clamp(min=0.0)

    def _disturbances(self, reference: Tensor, degraded: Tensor) -> tuple[Tensor, Tensor]:
        """Of each frame, ``[B, T]``: symmetric, and asymmetric, which counts what was added (10.2.9-10)."""
        heard, wanted = self._loudness(degraded), self._loudness(reference)
        masked = 0.25 * torch.minimum(heard, wanted)
        audible = ((heard - wanted).abs() - masked).clamp(min=0.0) * self.width
        ratio = ((degraded + 50.0) / (reference + 50.0)) ** 1.2
        ratio = torch.where(ratio < 3.0, torch.zeros_like(ratio), ratio.clamp(max=12.0))
        total = self.width.sum().sqrt()
        return total * (audible.square().sum(-1) + _TINY).sqrt(), (audible * ratio).sum(-1)


def _gain_ratio(reference: Tensor, degraded: Tensor) -> Tensor:
    """Short-term gain changes are heard little: a smoothed ratio of powers a frame (section 10.2.7)."""
    ratio = (reference.sum(-1) + 5e3) / (degraded.sum(-1) + 5e3)
    before = torch.cat([ratio[:, :1], ratio[:, :-1]], dim=1)
    return (0.8 * ratio + 0.2 * before).clamp(3e-4, 5.0)[..., None]


def _pooled(frames: Tensor) -> Tensor:
    """``[B, T] -> [B]``: power 6 within overlapping intervals, power 2 over them (section 10.2.11)."""
    size = min(_INTERVAL, frames.shape[1])
    intervals = frames.unfold(1, size, max(size // 2, 1))
    peaks = (intervals.pow(6).mean(-1) + _TINY).pow(1 / 6)
    return (peaks.square().mean(-1) + _TINY).sqrt()


_SAMPLE_RATE, _WINDOW, _HOP, _FFT = 16_000, 410, 205, 1024
#: One-third octave bands, the lowest around 150 Hz.
_BANDS, _LOWEST_HZ = 15, 150.0
#: Frames of a segment: 384 ms.
_SEGMENT = 30
#: Frames this much weaker than the loudest one are pauses.
_PAUSE_DB = 40.0
_TINY_POWER = 1e-8


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
        bands = (power @ self.pooling + _TINY_POWER).sqrt()
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
        segments = segments * (segments.square().sum(dim, keepdim=True) + _TINY_POWER).rsqrt()
    return segments

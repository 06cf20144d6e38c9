"""Codecs: spectrum to features the blocks work on, and back to a spectrum. One interface, one class a kind.

    encode(spectrum [B, 2, T, F], state) -> (features [B, C, T, P], skip, state)
    decode(features, skip, spectrum, state) -> (spectrum [B, 2, T, F], state)

``encode`` is given the spectrum at unit level, ``decode`` the spectrum as it came.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .band_codec import BandDecoder, BandEncoder, DeepFilter
from .config import ModelConfig

#: Power below which the compressed magnitude goes smoothly to its floor (-60 dB under the running level).
_EPS = 1e-6


def compress(spectrum: Tensor, exponent: float) -> tuple[Tensor, Tensor]:
    """Power-law compression that keeps the phase: ``X |X|^(c-1)`` and ``|X|^c``.

    Args:
        spectrum: ``[B, 2, T, F]``.
        exponent: c in (0, 1].

    Returns:
        The compressed spectrum ``[B, 2, T, F]`` and magnitude ``[B, 1, T, F]``.
    """
    power = spectrum.square().sum(1, keepdim=True) + _EPS
    return spectrum * power ** (0.5 * (exponent - 1.0)), power ** (0.5 * exponent)


class BandCodecState(NamedTuple):
    """``past [B, 2, taps - 1, F]``: the spectra the filter reaches back to."""

    past: Tensor


class BandCodec(nn.Module):
    """Bands of growing width and a complex filter for each bin (`band_codec`)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.compression = config.stft.compression
        self.encoder = BandEncoder(config.channels, config.band)
        self.decoder = BandDecoder(config.channels, config.band)
        self.filter = DeepFilter(config.band.taps, config.stft.bins)
        self.positions = config.band.bands
        edges = [0]
        for region in config.band.regions:
            edges += [edges[-1] + region.width * (k + 1) for k in range(region.bands)]
        bin_hz = config.stft.sample_rate / config.stft.window
        #: Centre frequency of each band in Hz.
        self.band_hz = torch.tensor([(a + b - 1) / 2 * bin_hz for a, b in zip(edges, edges[1:], strict=False)])

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> BandCodecState:
        """Silence before the start."""
        return BandCodecState(self.filter.init_state(batch, device, dtype))

    def encode(self, spectrum: Tensor, state: BandCodecState) -> tuple[Tensor, Tensor, BandCodecState]:
        """See the module."""
        features, skip = self.encoder(torch.cat(compress(spectrum, self.compression), dim=1))
        return features, skip, state

    def decode(
        self, features: Tensor, skip: Tensor, spectrum: Tensor, state: BandCodecState
    ) -> tuple[Tensor, BandCodecState]:
        """See the module."""
        enhanced, past = self.filter(spectrum, self.decoder(features, skip), state.past)
        return enhanced, BandCodecState(past)


def make_codec(config: ModelConfig) -> BandCodec:
    """The codec that a configuration names."""
    return BandCodec(config)

"""Codecs: spectrum to features the blocks work on, and back to a spectrum. One interface, one class a kind.

    encode(spectrum [B, 2, T, F], state) -> (features [B, C, T, P], skip, state)
    decode(features, skip, spectrum, state) -> (spectrum [B, 2, T, F], state)

Where branches part magnitude and phase, ``decode`` gets the features of both, ``[B, 2C, T, P]``.
``encode`` is given the spectrum at unit level, ``decode`` the spectrum as it came.
"""

from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from ..config import ModelConfig
from ..state import State
from .band import BandDecoder, BandEncoder, DeepFilter
from .dense import (
    DenseEncoder,
    LiteDenseEncoder,
    LiteMagDecoder,
    LitePhaseDecoder,
    MagDecoder,
    PhaseDecoder,
    encoded_bins,
)

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
        self.band_hz = torch.tensor([(a + b - 1) / 2 * bin_hz for a, b in pairwise(edges)])

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


class DenseCodecState(NamedTuple):
    """States of the three dense blocks; empty in the offline form."""

    encoder: State
    magnitude: State
    phase: State


class DenseCodec(nn.Module):
    """The parent's codec, dense or depthwise separable: magnitude mask and phase from two decoders.

    In its offline form it is the parent's own, which needs whole recordings.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dense = config.codec == "dense"
        bins, channels, causal = config.stft.bins, config.channels, config.causal
        self.compression = config.stft.compression
        self.has_branches = config.branches is not None
        self.encoder = (DenseEncoder if dense else LiteDenseEncoder)(2, channels, bins, causal=causal)
        self.magnitude = (MagDecoder if dense else LiteMagDecoder)(channels, bins, causal=causal)
        self.phase = (PhaseDecoder if dense else LitePhaseDecoder)(channels, bins, causal=causal)
        self.positions = encoded_bins(bins)
        bin_hz = config.stft.sample_rate / config.stft.window
        #: Centre frequency of each position in Hz: the encoder halves the bins.
        self.band_hz = (2 * torch.arange(self.positions) + 1) * bin_hz

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> DenseCodecState:
        """Silence before the start."""
        parts = (self.encoder, self.magnitude, self.phase)
        return DenseCodecState(*(part.init_state(batch, device, dtype) for part in parts))

    def encode(self, spectrum: Tensor, state: DenseCodecState) -> tuple[Tensor, Tensor, DenseCodecState]:
        """See the module. There is no skip: it is empty."""
        _, magnitude = compress(spectrum, self.compression)
        # Negated twice: exported graphs take atan2(0, negative) for -pi, torch for pi, and bin 0 is real.
        phase = -torch.atan2(-spectrum[:, 1:], spectrum[:, :1])
        features, encoder = self.encoder(torch.cat([magnitude, phase], dim=1), state.encoder)
        return features, features.new_empty(0), state._replace(encoder=encoder)

    def decode(
        self, features: Tensor, skip: Tensor, spectrum: Tensor, state: DenseCodecState
    ) -> tuple[Tensor, DenseCodecState]:
        """See the module. The mask multiplies the compressed magnitude, as in SEMamba."""
        of_mask, of_phase = features.chunk(2, dim=1) if self.has_branches else (features, features)
        mask, magnitude = self.magnitude(of_mask, state.magnitude)
        phase, phase_state = self.phase(of_phase, state.phase)
        gain = mask.squeeze(1) ** (1.0 / self.compression)
        size = gain * torch.sqrt(spectrum.square().sum(1) + 1e-12)
        enhanced = torch.stack([size * phase.cos(), size * phase.sin()], dim=1)
        return enhanced, DenseCodecState(state.encoder, magnitude, phase_state)


class Codec(Protocol):
    """What both kinds offer; see the module.

    Attributes:
        positions: P, positions along frequency of the features.
        band_hz: their centre frequencies in Hz, ``[P]``.
    """

    positions: int
    band_hz: Tensor

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> State: ...

    def encode(self, spectrum: Tensor, state: State) -> tuple[Tensor, Tensor, State]: ...

    def decode(
        self, features: Tensor, skip: Tensor, spectrum: Tensor, state: State
    ) -> tuple[Tensor, State]: ...


def make_codec(config: ModelConfig) -> Codec:
    """The codec that a configuration names."""
    return BandCodec(config) if config.codec == "band" else DenseCodec(config)

"""The codec of `lite`: bands that grow wider with frequency, and one complex filter for each bin.

Low bins keep narrow bands, where the harmonics of a voice lie; high bins share wide ones. The decoder sees
the full-resolution features of the encoder beside the bands, and starts from "pass everything through".
Nothing here looks at time but the filter, which combines a bin with its own past (deep filtering, Mack &
Habets 2020).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..kernels import cpu_calls, cpu_conv
from .config import BandCodecConfig

#: Largest gain of one tap: 2, and the 2.1 dB by which the last layer of the shipped weights was raised, since
#: they were trained too soft. The bias of the present tap makes the untrained gain exactly 1.
_MAX_GAIN = 2.56
_UNIT_GAIN_BIAS = _MAX_GAIN / (_MAX_GAIN**2 - 1.0) ** 0.5


class FrequencyConv(nn.Conv2d):
    """A convolution along frequency; in training on CPU by a compiled kernel of its own."""

    def __init__(self, in_channels: int, out_channels: int, width: int, stride: int = 1) -> None:
        """Odd widths are centred; even ones, which have no centre, are not padded."""
        padding = width // 2 if width % 2 else 0
        super().__init__(in_channels, out_channels, (1, width), (1, stride), (0, padding))

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T, F] -> [B, C', T, F']``."""
        return self._compiled(x, None) if _compiled_serves(x) else super().forward(x)

    def activated(self, x: Tensor, activation: nn.PReLU) -> Tensor:
        """``activation(self(x))`` in one pass over the frames where the kernel serves."""
        return self._compiled(x, activation.weight) if _compiled_serves(x) else activation(self(x))

    def _compiled(self, x: Tensor, slope: Tensor | None) -> Tensor:
        assert self.bias is not None
        return cpu_conv.frequency_conv(x, self.weight, self.bias, self.stride[1], int(self.padding[1]), slope)


def _compiled_serves(x: Tensor) -> bool:
    return torch.is_grad_enabled() and cpu_calls.serves(x)


class BandEncoder(nn.Module):
    """Features ``[B, 3, T, F]`` (compressed real, imaginary, magnitude) -> bands ``[B, C, T, P]``, skip."""

    def __init__(self, channels: int, config: BandCodecConfig) -> None:
        super().__init__()
        self.config = config
        self.expand = FrequencyConv(3, config.features, 5)
        self.activation = nn.PReLU(config.features)
        # A band sees half a band's width of each neighbour.
        self.bands = nn.ModuleList(
            FrequencyConv(config.features, channels, 2 * region.width, stride=region.width)
            for region in config.regions
        )
        self.position = nn.Parameter(torch.zeros(channels, 1, config.bands))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """``-> bands [B, C, T, P], skip [B, features, T, F]``."""
        skip = self.expand.activated(features, self.activation)
        margin = max(region.width for region in self.config.regions)
        padded = F.pad(skip, (margin, margin))
        outputs, start = [], margin
        for region, conv in zip(self.config.regions, self.bands, strict=True):
            half, span = region.width // 2, region.width * region.bands
            outputs.append(conv(padded[..., start - half : start + span + region.width - half]))
            start += span
        return torch.cat(outputs, dim=-1) + self.position, skip


class BandDecoder(nn.Module):
    """Bands and skip -> the filter of each bin, ``[B, 2, taps, T, F]`` (real, imaginary part of each tap)."""

    def __init__(self, channels: int, config: BandCodecConfig) -> None:
        super().__init__()
        self.config = config
        width = config.features
        self.bands = nn.ModuleList(
            FrequencyConv(channels, width * region.width, 1) for region in config.regions
        )
        self.mix = FrequencyConv(2 * width, 2 * width, 3)
        self.activation = nn.PReLU(2 * width)
        self.taps = FrequencyConv(2 * width, 2 * config.taps, 3)
        with torch.no_grad():
            assert self.taps.bias is not None
            self.taps.weight.mul_(0.1)
            self.taps.bias.zero_()
            self.taps.bias[0] = _UNIT_GAIN_BIAS

    def forward(self, bands: Tensor, skip: Tensor) -> Tensor:
        """``[B, C, T, P], [B, features, T, F] -> [B, 2, taps, T, F]``."""
        parts = bands.split([region.bands for region in self.config.regions], dim=-1)
        full = []
        for region, conv, part in zip(self.config.regions, self.bands, parts, strict=True):
            spread = conv(part).unflatten(1, (self.config.features, region.width))  # [B, c, w, T, P]
            full.append(spread.permute(0, 1, 3, 4, 2).flatten(-2))
        full.append(full[-1][..., -1:])  # the Nyquist bin follows its neighbour
        mixed = self.mix.activated(torch.cat([torch.cat(full, dim=-1), skip], dim=1), self.activation)
        taps = self.taps(mixed)
        taps = taps.unflatten(1, (self.config.taps, 2)).transpose(1, 2)
        power = taps.square().sum(1, keepdim=True)
        return taps * torch.rsqrt(1.0 + power / _MAX_GAIN**2)


class DeepFilter(nn.Module):
    """``Y[t, f] = sum_k H[k, t, f] X[t - k, f]`` (complex). State: the last ``taps - 1`` spectra."""

    def __init__(self, taps: int, bins: int) -> None:
        super().__init__()
        self.taps, self.bins = taps, bins

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Silence before the start: ``[B, 2, taps - 1, F]``."""
        return torch.zeros(batch, 2, self.taps - 1, self.bins, device=device, dtype=dtype)

    def forward(
        self, spectrum: Tensor, filters: Tensor, state: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """``[B, 2, T, F], [B, 2, taps, T, F] -> [B, 2, T, F]``."""
        frames = spectrum.shape[2]
        if state is None:
            state = self.init_state(spectrum.shape[0], spectrum.device, spectrum.dtype)
        joined = torch.cat([state, spectrum], dim=2)
        real = imag = torch.zeros((), device=spectrum.device, dtype=spectrum.dtype)
        for k in range(self.taps):
            start = self.taps - 1 - k
            xr, xi = joined[:, 0, start : start + frames], joined[:, 1, start : start + frames]
            hr, hi = filters[:, 0, k], filters[:, 1, k]
            real = real + hr * xr - hi * xi
            imag = imag + hr * xi + hi * xr
        return torch.stack([real, imag], dim=1), joined[:, :, frames:]

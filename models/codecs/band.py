"""The codec of `lite`: bands that grow wider with frequency, and one complex filter for each bin.

Low bins keep narrow bands, where the harmonics of a voice lie; high bins share wide ones. The decoder sees
the full-resolution features of the encoder beside the bands, and starts from "pass everything through".
Nothing here looks at time but the filter, which combines a bin with its own past (deep filtering, Mack &
Habets 2020).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...kernels.cpu import calls as cpu_calls
from ...kernels.cpu import conv as cpu_conv
from ...kernels.cpu import filter as cpu_filter
from ..config import BandCodecConfig

#: Largest gain of one tap: 2, and the 2.1 dB by which the last layer of the shipped weights was raised, since
#: they were trained too soft. The bias of the present tap makes the untrained gain exactly 1.
MAX_GAIN = 2.56
_UNIT_GAIN_BIAS = MAX_GAIN / (MAX_GAIN**2 - 1.0) ** 0.5


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


class _Windows(torch.autograd.Function):
    """Stretches of the last axis with a margin of zeros on both sides, which may overlap.

    For slices autograd would make a gradient of the size of the whole each, and add them up.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, margin: int, spans: list[tuple[int, int]]) -> tuple[Tensor, ...]:
        ctx.bins, ctx.margin, ctx.spans = x.shape[-1], margin, spans
        padded = F.pad(x, (margin, margin))
        return tuple(padded[..., start:end] for start, end in spans)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        batch, channels, frames, _ = grads[0].shape
        rows = grads[0].new_zeros(batch, frames, ctx.margin + ctx.bins + ctx.margin, channels)
        padded = rows.permute(0, 3, 1, 2)  # channels last, as the convolutions have them
        for grad, (start, end) in zip(grads, ctx.spans, strict=True):
            padded[..., start:end] += grad
        return padded[..., ctx.margin : -ctx.margin], None, None


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
        start = margin = max(region.width for region in self.config.regions)
        spans = []
        for region in self.config.regions:
            half, span = region.width // 2, region.width * region.bands
            spans.append((start - half, start + span + region.width - half))
            start += span
        windows = _Windows.apply(skip, margin, spans)
        outputs = [conv(window) for conv, window in zip(self.bands, windows, strict=True)]
        # Channels last, as the blocks have them: sums over frames, for the gradient, are those of whole rows.
        bands = torch.cat(outputs, dim=-1).permute(0, 2, 3, 1) + self.position.permute(1, 2, 0)
        return bands.permute(0, 3, 1, 2), skip


class BandDecoder(nn.Module):
    """Bands and skip -> the filter of each bin, ``[B, taps, 2, T, F]`` (real, imaginary part of each tap)."""

    def __init__(self, channels: int, config: BandCodecConfig) -> None:
        super().__init__()
        self.config = config
        width = config.features
        self.bands = nn.ModuleList(nn.Conv2d(channels, width * region.width, 1) for region in config.regions)
        self.mix = FrequencyConv(2 * width, 2 * width, 3)
        self.activation = nn.PReLU(2 * width)
        self.taps = FrequencyConv(2 * width, 2 * config.taps, 3)
        with torch.no_grad():
            assert self.taps.bias is not None
            self.taps.weight.mul_(0.1)
            self.taps.bias.zero_()
            self.taps.bias[0] = _UNIT_GAIN_BIAS

    def forward(self, bands: Tensor, skip: Tensor) -> Tensor:
        """``[B, C, T, P], [B, features, T, F] -> [B, taps, 2, T, F]``."""
        rows = bands.permute(0, 2, 3, 1)  # channels last, where the bins of a band follow each other
        parts = rows.split([region.bands for region in self.config.regions], dim=2)
        full = [
            _spread(part, conv, region.width)
            for region, conv, part in zip(self.config.regions, self.bands, parts, strict=True)
        ]
        full.append(full[-1][:, :, -1:])  # the Nyquist bin follows its neighbour
        joined = torch.cat([torch.cat(full, dim=2), skip.permute(0, 2, 3, 1)], dim=-1)
        mixed = self.mix.activated(joined.permute(0, 3, 1, 2), self.activation)
        return self.taps(mixed).unflatten(1, (self.config.taps, 2))


def _spread(bands: Tensor, conv: nn.Module, width: int) -> Tensor:
    """Each band to its bins, by a convolution of width 1: ``[B, T, P, C] -> [B, T, P * width, features]``.

    The channels of the convolution count features, then bins; they are put the other way round.
    """
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    weight = conv.weight.flatten(1).unflatten(0, (-1, width)).transpose(0, 1).flatten(0, 1)
    bias = conv.bias.unflatten(0, (-1, width)).t().flatten()
    return F.linear(bands, weight, bias).unflatten(-1, (width, -1)).flatten(2, 3)


class DeepFilter(nn.Module):
    """``Y[t, f] = sum_k H[k, t, f] X[t - k, f]`` (complex). State: the last ``taps - 1`` spectra.

    H is what the decoder gives, but that no gain reaches `MAX_GAIN`: ``h / sqrt(1 + |h|^2 / MAX_GAIN^2)``.
    """

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
        """``[B, 2, T, F], [B, taps, 2, T, F] -> [B, 2, T, F]``."""
        frames = spectrum.shape[2]
        if state is None:
            state = self.init_state(spectrum.shape[0], spectrum.device, spectrum.dtype)
        joined = torch.cat([state, spectrum], dim=2)
        if _compiled_serves(filters) and not joined.requires_grad:
            filtered = cpu_filter.deep_filter(joined, filters.permute(0, 3, 4, 1, 2), MAX_GAIN)
        else:
            filtered = self._filtered(joined, filters, frames)
        return filtered, joined[:, :, frames:]

    def _filtered(self, joined: Tensor, filters: Tensor, frames: int) -> Tensor:
        power = filters.square().sum(2, keepdim=True)
        filters = filters * torch.rsqrt(1.0 + power / MAX_GAIN**2)
        real = imag = torch.zeros((), device=joined.device, dtype=joined.dtype)
        for k in range(self.taps):
            start = self.taps - 1 - k
            xr, xi = joined[:, 0, start : start + frames], joined[:, 1, start : start + frames]
            hr, hi = filters[:, k, 0], filters[:, k, 1]
            real = real + hr * xr - hi * xi
            imag = imag + hr * xi + hi * xr
        return torch.stack([real, imag], dim=1)

"""Residual Mamba mixers over the rows of one axis: causal with state, or from both sides."""

import torch
from torch import Tensor, nn

from ..config import MixerConfig
from ..state import MixerState
from .mamba1 import Mamba1Mixer, both_directions
from .mamba2 import QUADRATIC_LENGTH, RMS_EPS, Mamba2Mixer, TwoSidedMamba2Mixer


def make_mixer(channels: int, config: MixerConfig) -> Mamba1Mixer | Mamba2Mixer:
    """The causal mixer that a configuration describes."""
    if config.version == 1:
        return Mamba1Mixer(channels, config.d_state, config.d_conv, config.expand)
    return Mamba2Mixer(channels, config.d_state, config.d_conv, config.expand, config.head_size)


class CausalMamba(nn.Module):
    """Pre-norm residual mixer ``y = x + mixer(norm(x))`` over rows along the last axis but one, with state.

    The rows of a chunk are ``[..., L, C]`` with any strides; their states are those of all rows in order.
    """

    def __init__(self, channels: int, config: MixerConfig) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(channels, eps=RMS_EPS)
        self.mixer = make_mixer(channels, config)

    def init_state(
        self, rows: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> MixerState:
        return self.mixer.init_state(rows, device, dtype)

    def step(self, x: Tensor, state: MixerState) -> tuple[Tensor, MixerState]:
        """``[R, C] -> [R, C]``."""
        y, state = self.mixer.step(self.norm(x), state)
        return x + y, state

    def forward(self, x: Tensor, state: MixerState | None = None) -> tuple[Tensor, MixerState]:
        """``[..., L, C] -> [..., L, C]``."""
        if state is None and isinstance(self.mixer, Mamba2Mixer):
            fused = self.mixer.compiled(x, self.norm)
            if fused is not None:
                y, after = fused
                assert after is not None
                return y, after
        y, after = self.mixer(self.norm(x).flatten(0, -3), state)
        return x + y.view(x.shape), after


class BidirectionalMamba(nn.Module):
    """Two `CausalMamba`, one on the flipped rows, side by side: ``[..., L, C] -> [..., L, 2C]``."""

    def __init__(self, channels: int, config: MixerConfig) -> None:
        super().__init__()
        self.ahead = CausalMamba(channels, config)
        self.back = CausalMamba(channels, config)
        self.out_channels = 2 * channels

    def forward(self, x: Tensor) -> Tensor:
        ahead, back = self.ahead.mixer, self.back.mixer
        if isinstance(ahead, Mamba1Mixer) and isinstance(back, Mamba1Mixer):
            rows = x.flatten(0, -3)
            heard = both_directions(ahead, back, (self.ahead.norm(rows), self.back.norm(rows)))
            return torch.cat([x + y.view(x.shape) for y in heard], dim=-1)
        back_y, _ = self.back(x.flip(-2))
        return torch.cat([self.ahead(x)[0], back_y.flip(-2)], dim=-1)


class SharedBidirectionalMamba(nn.Module):
    """Pre-norm residual `TwoSidedMamba2Mixer`: ``[..., L, C] -> [..., L, C]``."""

    def __init__(self, channels: int, config: MixerConfig) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(channels, eps=RMS_EPS)
        width = config.d_conv | 1  # centred, so odd
        self.mixer = TwoSidedMamba2Mixer(channels, config.d_state, width, config.expand, config.head_size)
        self.out_channels = channels

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-2] <= QUADRATIC_LENGTH:  # as long as the kernel's one matrix a head is worth it
            fused = self.mixer.compiled(x, self.norm)
            if fused is not None:
                return fused[0]
        return x + self.mixer(self.norm(x).flatten(0, -3)).view(x.shape)


def make_bidirectional(channels: int, config: MixerConfig) -> BidirectionalMamba | SharedBidirectionalMamba:
    """The mixer of an axis without an arrow that a configuration describes."""
    return (SharedBidirectionalMamba if config.shared_directions else BidirectionalMamba)(channels, config)

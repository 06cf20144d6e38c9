"""Time-frequency Mamba blocks: causal along time (offline: bidirectional), bidirectional along frequency."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .config import MixerConfig
from .mamba1 import Mamba1Mixer, both_directions
from .mamba2 import QUADRATIC_LENGTH, RMS_EPS, Mamba2Mixer, TwoSidedMamba2Mixer
from .mixer_state import MixerState


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


class BlockState(NamedTuple):
    """State of a causal block: only the time axis carries one."""

    time: MixerState


class CausalTFMambaBlock(nn.Module):
    """Causal Mamba along time, then bidirectional Mamba along frequency within each frame.

    Each axis: Mamba, a linear layer back to C channels, plus the input (Chao et al. 2024, SEMamba, section
    2.2, with the backward direction of the time axis left out).
    """

    def __init__(self, channels: int, time: MixerConfig, frequency: MixerConfig, positions: int) -> None:
        super().__init__()
        self.positions = positions
        self.time_mamba = CausalMamba(channels, time)
        self.time_linear = nn.Linear(channels, channels)
        self.frequency_mamba = make_bidirectional(channels, frequency)
        self.frequency_linear = nn.Linear(self.frequency_mamba.out_channels, channels)

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> BlockState:
        return BlockState(time=self.time_mamba.init_state(batch * self.positions, device, dtype))

    def step(self, x: Tensor, state: BlockState) -> tuple[Tensor, BlockState]:
        """``[B, C, F] -> [B, C, F]``."""
        batch = x.shape[0]
        frame = x.transpose(1, 2)  # [B, F, C]
        y, time = self.time_mamba.step(frame.flatten(0, 1), state.time)
        frame = frame + self.time_linear(y).unflatten(0, (batch, self.positions))
        frame = frame + self.frequency_linear(self.frequency_mamba(frame))
        return frame.transpose(1, 2), BlockState(time)

    def forward(self, x: Tensor, state: BlockState | None = None) -> tuple[Tensor, BlockState]:
        """``[B, C, T, F] -> [B, C, T, F]``."""
        grid = x.permute(0, 2, 3, 1).contiguous()  # [B, T, F, C]: both axes are rows of it, without a copy
        y, time = self.time_mamba(grid.transpose(1, 2), None if state is None else state.time)
        grid = grid + self.time_linear(y.transpose(1, 2))
        grid = grid + self.frequency_linear(self.frequency_mamba(grid))
        return grid.permute(0, 3, 1, 2), BlockState(time)


class TFMambaBlock(nn.Module):
    """The offline twin: bidirectional along time and along frequency. ``[B, C, T, F] -> [B, C, T, F]``."""

    def __init__(self, channels: int, time: MixerConfig, frequency: MixerConfig) -> None:
        super().__init__()
        self.time_mamba = make_bidirectional(channels, time)
        self.time_linear = nn.Linear(self.time_mamba.out_channels, channels)
        self.frequency_mamba = make_bidirectional(channels, frequency)
        self.frequency_linear = nn.Linear(self.frequency_mamba.out_channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        grid = x.permute(0, 2, 3, 1).contiguous()  # [B, T, F, C]
        grid = grid + self.time_linear(self.time_mamba(grid.transpose(1, 2)).transpose(1, 2))
        grid = grid + self.frequency_linear(self.frequency_mamba(grid))
        return grid.permute(0, 3, 1, 2)

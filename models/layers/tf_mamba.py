"""Time-frequency Mamba blocks: causal along time (offline: bidirectional), bidirectional along frequency."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..config import AttentionConfig, MemoryConfig, MixerConfig
from ..state import MixerState
from .axis_mamba import CausalMamba, make_bidirectional
from .frequency_attention import FrequencyAttention
from .memory import CausalMemory, Memory


class BlockState(NamedTuple):
    """State of a causal block: of its memory, where it has one, and of the time axis."""

    memory: MixerState | tuple[()]
    time: MixerState


class _FrequencyAxis(nn.Module):
    """What both forms do along frequency: bidirectional Mamba and a linear layer, or attention."""

    def __init__(
        self, channels: int, frequency: MixerConfig, positions: int, attention: AttentionConfig | None
    ) -> None:
        super().__init__()
        self.attention: FrequencyAttention | None = None
        if attention is not None:
            self.attention = FrequencyAttention(channels, positions, attention)
            return
        self.frequency_mamba = make_bidirectional(channels, frequency)
        self.frequency_linear = nn.Linear(self.frequency_mamba.out_channels, channels)

    def along_frequency(self, grid: Tensor) -> Tensor:
        """``[..., F, C] -> [..., F, C]``, its residual included."""
        if self.attention is not None:
            return self.attention(grid)
        return grid + self.frequency_linear(self.frequency_mamba(grid))


class CausalTFMambaBlock(_FrequencyAxis):
    """Causal Mamba along time, then bidirectional Mamba, or attention, along frequency within each frame.

    Each axis: Mamba, a linear layer back to C channels, plus the input (Chao et al. 2024, SEMamba, section
    2.2, with the backward direction of the time axis left out). Before them, where ``memory`` describes one,
    a `CausalMemory`.
    """

    def __init__(
        self,
        channels: int,
        time: MixerConfig,
        frequency: MixerConfig,
        positions: int,
        memory: MemoryConfig | None = None,
        attention: AttentionConfig | None = None,
    ) -> None:
        super().__init__(channels, frequency, positions, attention)
        self.positions = positions
        self.memory = None if memory is None else CausalMemory(channels, positions, memory)
        self.time_mamba = CausalMamba(channels, time)
        self.time_linear = nn.Linear(channels, channels)

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> BlockState:
        return BlockState(
            memory=() if self.memory is None else self.memory.init_state(batch, device, dtype),
            time=self.time_mamba.init_state(batch * self.positions, device, dtype),
        )

    def step(self, x: Tensor, state: BlockState) -> tuple[Tensor, BlockState]:
        """``[B, C, F] -> [B, C, F]``."""
        batch = x.shape[0]
        frame = x.transpose(1, 2)  # [B, F, C]
        memory = state.memory
        if self.memory is not None:
            assert isinstance(memory, MixerState)
            frame, memory = self.memory.step(frame, memory)
        y, time = self.time_mamba.step(frame.flatten(0, 1), state.time)
        frame = frame + self.time_linear(y).unflatten(0, (batch, self.positions))
        frame = self.along_frequency(frame)
        return frame.transpose(1, 2), BlockState(memory, time)

    def forward(self, x: Tensor, state: BlockState | None = None) -> tuple[Tensor, BlockState]:
        """``[B, C, T, F] -> [B, C, T, F]``."""
        grid = x.permute(0, 2, 3, 1).contiguous()  # [B, T, F, C]: both axes are rows of it, without a copy
        memory: MixerState | tuple[()] = ()
        if self.memory is not None:
            before = None if state is None else state.memory
            assert before is None or isinstance(before, MixerState)
            grid, memory = self.memory(grid, before)
        y, time = self.time_mamba(grid.transpose(1, 2), None if state is None else state.time)
        grid = grid + self.time_linear(y.transpose(1, 2))
        grid = self.along_frequency(grid)
        return grid.permute(0, 3, 1, 2), BlockState(memory, time)


class TFMambaBlock(_FrequencyAxis):
    """The offline twin: bidirectional along time and along frequency. ``[B, C, T, F] -> [B, C, T, F]``."""

    def __init__(
        self,
        channels: int,
        time: MixerConfig,
        frequency: MixerConfig,
        positions: int,
        memory: MemoryConfig | None = None,
        attention: AttentionConfig | None = None,
    ) -> None:
        super().__init__(channels, frequency, positions, attention)
        self.memory = None if memory is None else Memory(channels, positions, memory)
        self.time_mamba = make_bidirectional(channels, time)
        self.time_linear = nn.Linear(self.time_mamba.out_channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        grid = x.permute(0, 2, 3, 1).contiguous()  # [B, T, F, C]
        if self.memory is not None:
            grid = self.memory(grid)
        grid = grid + self.time_linear(self.time_mamba(grid.transpose(1, 2)).transpose(1, 2))
        grid = self.along_frequency(grid)
        return grid.permute(0, 3, 1, 2)


class BlockStack(nn.ModuleList):
    """Blocks of one form behind each other; those of the offline form carry no state."""

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> tuple[BlockState, ...]:
        return tuple(
            block.init_state(batch, device, dtype) for block in self if isinstance(block, CausalTFMambaBlock)
        )

    def step(self, x: Tensor, states: Sequence[BlockState]) -> tuple[Tensor, tuple[BlockState, ...]]:
        """One frame ``[B, C, F] -> [B, C, F]`` of the causal form."""
        after = []
        for block, before in zip(self, states, strict=True):
            assert isinstance(block, CausalTFMambaBlock)
            x, state = block.step(x, before)
            after.append(state)
        return x, tuple(after)

    def forward(
        self, x: Tensor, states: Sequence[BlockState] | None = None
    ) -> tuple[Tensor, tuple[BlockState, ...]]:
        """``[B, C, T, F] -> [B, C, T, F]``."""
        after = []
        # Blocks that are given no state know that they start from zero and may use a faster kernel.
        for block, before in zip(self, states or (None,) * len(self), strict=True):
            if isinstance(block, CausalTFMambaBlock):
                x, state = block(x, before)
                after.append(state)
            else:
                x = block(x)
        return x, tuple(after)

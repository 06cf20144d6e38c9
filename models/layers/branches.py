"""Two branches side by side, one for the magnitude and one for the phase, which hear each other at their end.

After MP-SENet with Mamba (`models.parents.mpsenet_mamba`), whose branches exchange bin by bin; here each bin
hears all of its frame.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..config import AttentionConfig
from .frequency_attention import FrequencyAttention
from .tf_mamba import BlockStack, BlockState, CausalTFMambaBlock, TFMambaBlock


class BranchesState(NamedTuple):
    """States of the blocks of both branches; empty in the offline form."""

    magnitude: tuple[BlockState, ...]
    phase: tuple[BlockState, ...]


class Branches(nn.Module):
    """``[B, C, T, P] -> [B, 2C, T, P]``: features of the magnitude, then those of the phase.

    Args:
        channels, positions: C and P.
        blocks: of each branch.
        attention: of the exchange.
        make_block: makes a block, causal or offline.
    """

    def __init__(
        self,
        channels: int,
        positions: int,
        blocks: int,
        attention: AttentionConfig,
        make_block: Callable[[], CausalTFMambaBlock | TFMambaBlock],
    ) -> None:
        super().__init__()
        self.magnitude_in = nn.Linear(channels, channels)
        self.phase_in = nn.Linear(channels, channels)
        self.magnitude = BlockStack(make_block() for _ in range(blocks))
        self.phase = BlockStack(make_block() for _ in range(blocks))
        self.to_magnitude = FrequencyAttention(channels, positions, attention)
        self.to_phase = FrequencyAttention(channels, positions, attention)

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> BranchesState:
        return BranchesState(
            self.magnitude.init_state(batch, device, dtype), self.phase.init_state(batch, device, dtype)
        )

    def step(self, x: Tensor, state: BranchesState) -> tuple[Tensor, BranchesState]:
        """``[B, C, P] -> [B, 2C, P]``."""
        frame = x.transpose(1, 2)
        magnitude, after_magnitude = self.magnitude.step(
            self.magnitude_in(frame).transpose(1, 2), state.magnitude
        )
        phase, after_phase = self.phase.step(self.phase_in(frame).transpose(1, 2), state.phase)
        both = self._exchange(magnitude.transpose(1, 2), phase.transpose(1, 2)).transpose(1, 2)
        return both, BranchesState(after_magnitude, after_phase)

    def forward(self, x: Tensor, state: BranchesState | None = None) -> tuple[Tensor, BranchesState]:
        """``[B, C, T, P] -> [B, 2C, T, P]``."""
        grid = x.permute(0, 2, 3, 1)
        before = (None, None) if state is None else state
        magnitude, after_magnitude = self.magnitude(self.magnitude_in(grid).permute(0, 3, 1, 2), before[0])
        phase, after_phase = self.phase(self.phase_in(grid).permute(0, 3, 1, 2), before[1])
        both = self._exchange(magnitude.permute(0, 2, 3, 1), phase.permute(0, 2, 3, 1))
        return both.permute(0, 3, 1, 2), BranchesState(after_magnitude, after_phase)

    def _exchange(self, magnitude: Tensor, phase: Tensor) -> Tensor:
        """``[..., P, C]`` twice -> ``[..., P, 2C]``, each with what it hears of the other as it came."""
        return torch.cat([self.to_magnitude(magnitude, phase), self.to_phase(phase, magnitude)], dim=-1)

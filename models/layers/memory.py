"""A memory of the whole spectrum: what all positions of a frame say together, followed through time.

The mixers of a time-frequency block see one position through time, or one frame through all positions;
neither has room for how whole spectra follow each other. Here each position says a few numbers, those of all
positions become one row a frame, a Mamba mixer follows that row, and each position hears back from it:

    grid + widen(silu(leave(mamba(enter(squeeze(norm(grid)))))))

Recurrent layers over the whole spectrum are what DTLN (Westhausen & Meyer 2020) is made of; here they stand
beside the layers of the bands, and cost a tenth of them.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config import MemoryConfig
from ..state import MixerState
from .axis_mamba import CausalMamba, make_bidirectional
from .mamba2 import RMS_EPS


class _Spectrum(nn.Module):
    """From the positions of a frame to its row of ``config.channels`` and back; at first nothing is heard."""

    def __init__(self, channels: int, positions: int, config: MemoryConfig, out_channels: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(channels, eps=RMS_EPS)
        self.squeeze = nn.Linear(channels, config.features)
        self.enter = nn.Linear(positions * config.features, config.channels)
        self.leave = nn.Linear(out_channels, positions * config.features)
        self.widen = nn.Linear(config.features, channels)
        nn.init.zeros_(self.widen.weight)
        nn.init.zeros_(self.widen.bias)

    def _say(self, grid: Tensor) -> Tensor:
        """``[..., F, C] -> [..., D]``."""
        # The norm comes after the product, with which it commutes: there its rows are narrow. A sum, for the
        # gradient of a mean would be written out as wide as the grid.
        power = grid.square().sum(-1, keepdim=True) / grid.shape[-1]
        said = F.linear(grid, self.squeeze.weight * self.norm.weight) * torch.rsqrt(power + RMS_EPS)
        return self.enter((said + self.squeeze.bias).flatten(-2))

    def _hear(self, grid: Tensor, row: Tensor) -> Tensor:
        """``[..., F, C]`` and what the mixer made of its row -> ``[..., F, C]``."""
        back = self.leave(row).unflatten(-1, (grid.shape[-2], -1))
        return grid + self.widen(F.silu(back))


class CausalMemory(_Spectrum):
    """The memory of a causal block, with state. Frames have their channels last, unlike those of a block."""

    def __init__(self, channels: int, positions: int, config: MemoryConfig) -> None:
        super().__init__(channels, positions, config, config.channels)
        self.mamba = CausalMamba(config.channels, config.mixer)

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> MixerState:
        return self.mamba.init_state(batch, device, dtype)

    def step(self, frame: Tensor, state: MixerState) -> tuple[Tensor, MixerState]:
        """``[B, F, C] -> [B, F, C]``."""
        row, state = self.mamba.step(self._say(frame), state)
        return self._hear(frame, row), state

    def forward(self, grid: Tensor, state: MixerState | None = None) -> tuple[Tensor, MixerState]:
        """``[B, T, F, C] -> [B, T, F, C]``."""
        # The axis in between is for the compiled kernel, which takes rows in two dimensions.
        rows, state = self.mamba(self._say(grid).unsqueeze(1), state)
        return self._hear(grid, rows.squeeze(1)), state


class Memory(_Spectrum):
    """Its offline twin, which knows the whole recording. ``[B, T, F, C] -> [B, T, F, C]``."""

    def __init__(self, channels: int, positions: int, config: MemoryConfig) -> None:
        mamba = make_bidirectional(config.channels, config.mixer)
        super().__init__(channels, positions, config, mamba.out_channels)
        self.mamba = mamba

    def forward(self, grid: Tensor) -> Tensor:
        return self._hear(grid, self.mamba(self._say(grid).unsqueeze(1)).squeeze(1))

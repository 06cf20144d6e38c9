"""The time-frequency block of SEMamba: bidirectional Mamba along time, then along frequency. Offline.

Names of modules and parameters are those of the published checkpoints.
"""

import torch
from torch import Tensor, nn

from .mamba1 import Mamba1Mixer, both_directions


class PreNormMamba(nn.Module):
    """The parts of ``x + mixer(norm(x))``; `MambaBlock` runs two of them together."""

    def __init__(self, channels: int, d_state: int, d_conv: int, expand: int) -> None:
        super().__init__()
        self.mixer = Mamba1Mixer(channels, d_state, d_conv, expand)
        self.norm = nn.RMSNorm(channels, eps=1e-5)


class MambaBlock(nn.Module):
    """One `PreNormMamba` in each direction, side by side: ``[R, L, C] -> [R, L, 2C]``."""

    def __init__(self, channels: int, d_state: int, d_conv: int, expand: int) -> None:
        super().__init__()
        self.forward_blocks = nn.ModuleList([PreNormMamba(channels, d_state, d_conv, expand)])
        self.backward_blocks = nn.ModuleList([PreNormMamba(channels, d_state, d_conv, expand)])

    def forward(self, x: Tensor) -> Tensor:
        """``[R, L, C] -> [R, L, 2C]``."""
        ahead, back = self.forward_blocks[0], self.backward_blocks[0]
        assert isinstance(ahead, PreNormMamba)
        assert isinstance(back, PreNormMamba)
        heard = both_directions(ahead.mixer, back.mixer, (ahead.norm(x), back.norm(x)))
        return torch.cat([x + y for y in heard], dim=-1)


class SEMambaBlock(nn.Module):
    """Mamba, a linear layer back to C channels, plus the input: along time, then along frequency.

    Chao et al. 2024 (SEMamba), section 2. The linear layers are transposed convolutions of width 1 there too.
    """

    def __init__(self, channels: int, d_state: int, d_conv: int, expand: int) -> None:
        super().__init__()
        self.time_mamba = MambaBlock(channels, d_state, d_conv, expand)
        self.freq_mamba = MambaBlock(channels, d_state, d_conv, expand)
        self.tlinear = nn.ConvTranspose1d(2 * channels, channels, 1)
        self.flinear = nn.ConvTranspose1d(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T, F] -> [B, C, T, F]``."""
        batch, _, frames, bins = x.shape
        rows = x.permute(0, 3, 2, 1).flatten(0, 1)  # [B * F, T, C]
        rows = rows + self.tlinear(self.time_mamba(rows).transpose(1, 2)).transpose(1, 2)
        rows = rows.unflatten(0, (batch, bins)).transpose(1, 2).flatten(0, 1)  # [B * T, F, C]
        rows = rows + self.flinear(self.freq_mamba(rows).transpose(1, 2)).transpose(1, 2)
        return rows.unflatten(0, (batch, frames)).permute(0, 3, 1, 2)

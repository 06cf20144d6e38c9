"""SEMamba: the parent model, audio-only, bidirectional, for whole recordings (Chao et al. 2024, SLT).

Names of modules and parameters are those of the published checkpoints.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from ..codecs.dense import DenseEncoder, MagDecoder, PhaseDecoder
from ..layers.mamba1 import Mamba1Mixer, both_directions
from .checkpoint import count_blocks, transform_of
from .config import ParentConfig
from .network import ParentNetwork


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


@dataclass(frozen=True)
class SEMambaConfig(ParentConfig):
    """Sizes of a `SEMamba`; the defaults are the published ones.

    Attributes:
        hid_feature: channels C of the network.
        num_tfmamba: time-frequency blocks.
        d_state, d_conv, expand: of each Mamba mixer.
    """

    counts: ClassVar[tuple[str, ...]] = ("hid_feature", "num_tfmamba", "d_state", "d_conv", "expand")

    hid_feature: int = 64
    num_tfmamba: int = 4
    d_state: int = 16
    d_conv: int = 4
    expand: int = 4

    @classmethod
    def of_weights(cls, weights: Mapping[str, Tensor]) -> Self:
        """See `ParentConfig`."""
        mixer = "TSMamba.0.time_mamba.forward_blocks.0.mixer"
        inner, d_state = weights[f"{mixer}.A_log"].shape
        channels = weights["dense_encoder.dense_conv_1.0.weight"].shape[0]
        return cls(
            hid_feature=channels,
            num_tfmamba=count_blocks(weights, "TSMamba"),
            d_state=d_state,
            d_conv=weights[f"{mixer}.conv1d.weight"].shape[2],
            expand=inner // channels,
            **transform_of(weights),
        )


class SEMamba(ParentNetwork):
    """Blocks of Mamba in both directions: see `ParentNetwork`."""

    def __init__(self, config: SEMambaConfig) -> None:
        super().__init__(config)
        channels, bins = config.hid_feature, config.bins
        self.dense_encoder = DenseEncoder(2, channels, bins, causal=False)
        self.TSMamba = nn.ModuleList(
            SEMambaBlock(channels, config.d_state, config.d_conv, config.expand)
            for _ in range(config.num_tfmamba)
        )
        self.mask_decoder = MagDecoder(channels, bins, config.beta, causal=False)
        self.phase_decoder = PhaseDecoder(channels, bins, causal=False)

    def trunk(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `ParentNetwork`: both decoders hear the same."""
        for block in self.TSMamba:
            x = block(x)
        return x, x

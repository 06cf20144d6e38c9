"""MP-SENet: magnitude and phase in parallel, by attention over whole recordings (Lu et al. 2023).

Names of modules and parameters are those of the published checkpoints.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import InputError
from .checkpoint import count_blocks, transform_of
from .config import Offsets, ParentConfig
from .mpsenet_codec import MPSENetEncoder, MPSENetMagDecoder, MPSENetPhaseDecoder
from .network import ParentNetwork

#: Heads of each attention.
HEADS = 4


class RecurrentFeedForward(nn.Module):
    """Bidirectional GRU, leaky ReLU, linear layer: ``[L, R, C] -> [L, R, C]``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gru = nn.GRU(channels, 2 * channels, bidirectional=True)
        self.linear = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(F.leaky_relu(self.gru(x)[0]))


class TransformerBlock(nn.Module):
    """Pre-norm attention and `RecurrentFeedForward`, each with its residual, and a norm behind them.

    Sequences lie along the first axis, ``[L, R, C]``: all R of them know nothing of each other.

    Args:
        channels: C.
        norm_keys: in self-attention keys and values are normed as the query is, else they are x itself.
    """

    def __init__(self, channels: int, norm_keys: bool) -> None:
        super().__init__()
        self.norm_keys = norm_keys
        self.norm1 = nn.LayerNorm(channels)
        self.attention = nn.MultiheadAttention(channels, HEADS)
        self.norm2 = nn.LayerNorm(channels)
        self.ffn = RecurrentFeedForward(channels)
        self.norm3 = nn.LayerNorm(channels)

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """``[L, R, C] -> [L, R, C]``; with ``other``, of the same shape, that is what x attends to."""
        query = self.norm1(x)
        own = query if self.norm_keys else x
        heard = own if other is None else other
        # Without weights wanted the attention keeps no matrix of L x L.
        x = x + self.attention(query, heard, heard, need_weights=False)[0]
        x = x + self.ffn(self.norm2(x))
        return self.norm3(x)


class TSTransformerBlock(nn.Module):
    """Two transformers with a residual each, along frequency within a frame and along time within a band.

    In the published code the sequence of attention and GRU is the first axis of rows that were laid out for
    it to be the second. So ``time_transformer`` runs along frequency and ``freq_transformer`` along time. Its
    larger batches mix recordings; here each has its own sequences, as there in a batch of one.
    """

    def __init__(self, channels: int, norm_keys: bool = True) -> None:
        super().__init__()
        self.time_transformer = TransformerBlock(channels, norm_keys)
        self.freq_transformer = TransformerBlock(channels, norm_keys)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T, F] -> [B, C, T, F]``."""
        batch, _, frames, bins = x.shape
        rows = x.permute(3, 0, 2, 1).flatten(1, 2)  # [F, B * T, C]
        rows = rows + self.time_transformer(rows)
        rows = rows.unflatten(1, (batch, frames)).permute(2, 1, 0, 3).flatten(1, 2)  # [T, B * F, C]
        rows = rows + self.freq_transformer(rows)
        return rows.unflatten(1, (batch, bins)).permute(1, 3, 0, 2)


@dataclass(frozen=True)
class MPSENetConfig(ParentConfig):
    """Sizes of an `MPSENet`; the defaults are the published ones.

    Attributes:
        channels: C of the network.
        num_blocks: time-frequency blocks.
    """

    offsets: ClassVar[Offsets | None] = Offsets(power=1e-9, real=1e-5, imag=1e-10)
    counts: ClassVar[tuple[str, ...]] = ("channels", "num_blocks")

    channels: int = 64
    num_blocks: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        require_heads(self.channels)

    @classmethod
    def of_weights(cls, weights: Mapping[str, Tensor]) -> Self:
        """See `ParentConfig`."""
        return cls(
            channels=weights["dense_encoder.dense_conv_1.0.weight"].shape[0],
            num_blocks=count_blocks(weights, "TSTransformer"),
            **transform_of(weights),
        )


def require_heads(channels: int) -> None:
    """Refuse channels that the heads of attention can't share."""
    if channels % HEADS:
        raise InputError(f"channels must be a multiple of {HEADS}, the heads of attention, got {channels}")


class MPSENet(ParentNetwork):
    """Blocks of attention along both axes: see `ParentNetwork`."""

    def __init__(self, config: MPSENetConfig) -> None:
        super().__init__(config)
        channels, bins = config.channels, config.bins
        self.dense_encoder = MPSENetEncoder(2, channels, bins, causal=False)
        self.TSTransformer = nn.ModuleList(TSTransformerBlock(channels) for _ in range(config.num_blocks))
        self.mask_decoder = MPSENetMagDecoder(channels, bins, config.beta, causal=False)
        self.phase_decoder = MPSENetPhaseDecoder(channels, bins, causal=False)

    def trunk(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `ParentNetwork`: both decoders hear the same."""
        for block in self.TSTransformer:
            x = block(x)
        return x, x

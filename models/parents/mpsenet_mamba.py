"""MP-SENet with Mamba: shared attention, then a branch of Mamba for the magnitude and one of attention for
the phase, which hear each other before they are decoded.

Unlike in MP-SENet, attention norms its queries alone. Names of modules and parameters are those of its
public code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Self, get_args

from torch import Tensor, nn

from ...errors import InputError
from ..layers.mamba1 import Mamba1Mixer
from .checkpoint import count_blocks, transform_of
from .config import Offsets, ParentConfig
from .mpsenet import MPSENetConfig, TransformerBlock, TSTransformerBlock, require_heads
from .mpsenet_codec import MPSENetEncoder, MPSENetMagDecoder, MPSENetPhaseDecoder
from .network import ParentNetwork

#: What a branch is made of.
Blocks = Literal["attention", "mamba"]
#: Along what the branches hear each other: nothing, each bin for itself, as the weights were trained; or
#: frequency within the frame, as was meant.
Exchange = Literal["bin", "frequency"]


class MambaTSBlock(nn.Module):
    """One norm and two mixers, or one for both axes: ``x + mamba(norm(x))`` along time, then along frequency.

    Both mixers go one way. ``[B, C, T, F] -> [B, C, T, F]``.
    """

    def __init__(self, channels: int, shared_mixer: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        names = ("mamba",) if shared_mixer else ("mamba_t", "mamba_f")
        for name in names:
            self.add_module(name, Mamba1Mixer(channels, expand=2))
        self._along_time, self._along_frequency = names[0], names[-1]

    def forward(self, x: Tensor) -> Tensor:
        batch, _, frames, bins = x.shape
        rows = x.permute(0, 3, 2, 1).flatten(0, 1)  # [B * F, T, C]
        rows = rows + self.get_submodule(self._along_time)(self.norm(rows))[0]
        rows = rows.unflatten(0, (batch, bins)).transpose(1, 2).flatten(0, 1)  # [B * T, F, C]
        rows = rows + self.get_submodule(self._along_frequency)(self.norm(rows))[0]
        return rows.unflatten(0, (batch, frames)).permute(0, 3, 1, 2)


class CrossAttention(nn.Module):
    """Each branch plus what it hears of the other: ``[B, C, T, F]`` twice."""

    def __init__(self, channels: int, exchange: Exchange) -> None:
        super().__init__()
        self.exchange = exchange
        self.mag_to_phase_attn = TransformerBlock(channels, norm_keys=False)
        self.phase_to_mag_attn = TransformerBlock(channels, norm_keys=False)

    def forward(self, mag: Tensor, phase: Tensor) -> tuple[Tensor, Tensor]:
        rows_mag, rows_phase = self._rows(mag), self._rows(phase)
        to_mag = self.phase_to_mag_attn(rows_mag, rows_phase)
        to_phase = self.mag_to_phase_attn(rows_phase, rows_mag)
        return mag + self._grid(to_mag, mag), phase + self._grid(to_phase, phase)

    def _rows(self, x: Tensor) -> Tensor:
        """``[1, B * T * F, C]``, sequences of one bin each; or ``[F, B * T, C]``."""
        if self.exchange == "bin":
            return x.permute(0, 2, 3, 1).flatten(0, 2).unsqueeze(0)
        return x.permute(3, 0, 2, 1).flatten(1, 2)

    def _grid(self, rows: Tensor, like: Tensor) -> Tensor:
        batch, _, frames, bins = like.shape
        if self.exchange == "bin":
            return rows.squeeze(0).unflatten(0, (batch, frames, bins)).permute(0, 3, 1, 2)
        return rows.unflatten(1, (batch, frames)).permute(1, 3, 2, 0)


@dataclass(frozen=True)
class MPSENetMambaConfig(ParentConfig):
    """Sizes of an `MPSENetMamba`; the defaults are the published ones. `SMALL` is its small variant.

    Attributes:
        channels: C of the network.
        num_shared_blocks: attention blocks before the branches part.
        num_branch_blocks: blocks of each branch.
        phase_blocks: what the branch of the phase is made of; that of the magnitude is Mamba.
        shared_mixer: one Mamba for both axes in each block of Mamba.
        exchange: along what the branches hear each other. It leaves no trace in the weights.
    """

    offsets: ClassVar[Offsets | None] = MPSENetConfig.offsets
    counts: ClassVar[tuple[str, ...]] = ("channels", "num_shared_blocks", "num_branch_blocks")

    channels: int = 64
    num_shared_blocks: int = 6
    num_branch_blocks: int = 6
    phase_blocks: Blocks = "attention"
    shared_mixer: bool = False
    exchange: Exchange = "bin"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_heads(self.channels)
        for name, choices in (("phase_blocks", get_args(Blocks)), ("exchange", get_args(Exchange))):
            if getattr(self, name) not in choices:
                raise InputError(f"{name} must be one of {', '.join(choices)}, not '{getattr(self, name)}'")

    @classmethod
    def of_weights(cls, weights: Mapping[str, Tensor]) -> Self:
        """See `ParentConfig`."""
        return cls(
            channels=weights["dense_encoder.dense_conv_1.0.weight"].shape[0],
            num_shared_blocks=count_blocks(weights, "shared_ts_transformer"),
            num_branch_blocks=count_blocks(weights, "mag_ts_transformer"),
            phase_blocks="mamba" if "phase_ts_transformer.0.norm.weight" in weights else "attention",
            shared_mixer="mag_ts_transformer.0.mamba.D" in weights,
            **transform_of(weights),
        )


#: The small variant, of 2,037,836 parameters.
SMALL = MPSENetMambaConfig(num_shared_blocks=2, num_branch_blocks=2, phase_blocks="mamba", shared_mixer=True)


class MPSENetMamba(ParentNetwork):
    """Shared blocks of attention, then a branch for each of magnitude and phase: see `ParentNetwork`."""

    def __init__(self, config: MPSENetMambaConfig) -> None:
        super().__init__(config)
        channels, bins = config.channels, config.bins
        self.dense_encoder = MPSENetEncoder(2, channels, bins, causal=False)
        self.shared_ts_transformer = nn.ModuleList(
            TSTransformerBlock(channels, norm_keys=False) for _ in range(config.num_shared_blocks)
        )
        self.mag_proj = nn.Conv2d(channels, channels, 1)
        self.phase_proj = nn.Conv2d(channels, channels, 1)
        self.mag_ts_transformer = _branch(config, "mamba")
        self.phase_ts_transformer = _branch(config, config.phase_blocks)
        self.cross_attention = CrossAttention(channels, config.exchange)
        self.mask_decoder = MPSENetMagDecoder(channels, bins, config.beta, causal=False)
        self.phase_decoder = MPSENetPhaseDecoder(channels, bins, causal=False)

    def trunk(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `ParentNetwork`."""
        for block in self.shared_ts_transformer:
            x = block(x)
        mag, phase = self.mag_proj(x), self.phase_proj(x)
        for mag_block, phase_block in zip(self.mag_ts_transformer, self.phase_ts_transformer, strict=True):
            mag, phase = mag_block(mag), phase_block(phase)
        mag, phase = self.cross_attention(mag, phase)
        return mag, phase


def _branch(config: MPSENetMambaConfig, blocks: Blocks) -> nn.ModuleList:
    return nn.ModuleList(
        MambaTSBlock(config.channels, config.shared_mixer)
        if blocks == "mamba"
        else TSTransformerBlock(config.channels, norm_keys=False)
        for _ in range(config.num_branch_blocks)
    )

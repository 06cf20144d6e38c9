"""The parent's codec and its lite form: dense encoder, magnitude mask and phase decoders.

Chao et al. 2024 (SEMamba), after Lu et al. 2023 (MP-SENet). Each stage is layers without memory around one
`DenseBlock`. The causal form follows the state protocol (`models.state`); ``causal=False`` is the parent's
own, offline form.

A dense 3x3 convolution costs ``9 * C_in * C_out`` multiplications a position, a separable one
``9 * C_in + C_in * C_out`` (Howard et al. 2017, MobileNets, section 3.1).
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from ...errors import InputError
from ..config import DENSE_DEPTH
from .dense_block import DenseBlock, DenseState, DilatedConv2d, make_norm


def encoded_bins(num_bins: int) -> int:
    """Frequency positions that the encoder makes of ``num_bins`` bins: 201 -> 100.

    Raises:
        InputError: the decoders could not come back to ``num_bins``.
    """
    if num_bins < 3 or num_bins % 2 == 0:
        raise InputError(
            f"the dense codec needs an odd number of bins, got {num_bins}: use a window that 4 divides"
        )
    return (num_bins - 3) // 2 + 1


class DenseStage(nn.Module):
    """Layers without memory around one dense block, whose state is the stage's state."""

    #: Class of the dense block; the lite codec names its own.
    block: ClassVar[type[DenseBlock]] = DenseBlock

    def __init__(self, channels: int, num_bins: int, depth: int, causal: bool) -> None:
        super().__init__()
        self.dense_block = self.block(channels, num_bins, depth, causal)

    def before(self, x: Tensor) -> Tensor:
        """What comes before the dense block: nothing, unless a stage says otherwise."""
        return x

    def after(self, x: Tensor) -> Tensor:
        """What comes after the dense block."""
        return x

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> DenseState:
        """The state before the first frame; empty in the offline form."""
        return self.dense_block.init_state(batch, device, dtype)

    def step(self, x: Tensor, state: DenseState) -> tuple[Tensor, DenseState]:
        """One frame ``[B, C, F]`` of the causal form; gives what `forward` does, without the axis of time."""
        y, state = self(x.unsqueeze(2), state)
        return y.squeeze(-2), state

    def forward(self, x: Tensor, state: DenseState | None = None) -> tuple[Tensor, DenseState]:
        """A chunk ``[B, C, T, F]``; in the offline form a whole recording."""
        y, state = self.dense_block(self.before(x), state)
        return self.after(y), state


class DenseEncoder(DenseStage):
    """Features ``[B, in_channels, T, num_bins] -> [B, channels, T, encoded_bins(num_bins)]``."""

    #: Zeros on either side of the bins before they are halved.
    padding: ClassVar[int] = 0

    def __init__(
        self, in_channels: int, channels: int, num_bins: int, depth: int = DENSE_DEPTH, causal: bool = True
    ) -> None:
        super().__init__(channels, num_bins, depth, causal)
        encoded_bins(num_bins)  # refuses what the decoders could not undo
        self.dense_conv_1 = nn.Sequential(
            nn.Conv2d(in_channels, channels, 1), make_norm(channels, causal), nn.PReLU(channels)
        )
        self.dense_conv_2 = nn.Sequential(
            nn.Conv2d(channels, channels, (1, 3), stride=(1, 2), padding=(0, self.padding)),
            make_norm(channels, causal),
            nn.PReLU(channels),
        )

    def before(self, x: Tensor) -> Tensor:
        """To the codec's channels."""
        return self.dense_conv_1(x)

    def after(self, x: Tensor) -> Tensor:
        """To half the bins."""
        return self.dense_conv_2(x)


class LearnableSigmoid(nn.Module):
    """``beta * sigmoid(slope[f] * x)``: a mask in (0, beta), as steep as each bin learns."""

    def __init__(self, num_bins: int, beta: float) -> None:
        super().__init__()
        self.beta = beta
        self.slope = nn.Parameter(torch.ones(num_bins, 1))

    def forward(self, x: Tensor) -> Tensor:
        """``[B, 1, T, F] -> [B, 1, T, F]``."""
        return self.beta * torch.sigmoid(self.slope.squeeze(1) * x)


class MagDecoder(DenseStage):
    """Features ``[B, C, T, encoded_bins(num_bins)]`` -> mask ``[B, 1, T, num_bins]`` in (0, beta)."""

    def __init__(
        self, channels: int, num_bins: int, beta: float = 2.0, depth: int = DENSE_DEPTH, causal: bool = True
    ) -> None:
        super().__init__(channels, encoded_bins(num_bins), depth, causal)
        self.mask_conv = self.make_mask_conv(channels, causal)
        self.lsigmoid = LearnableSigmoid(num_bins, beta)

    def make_mask_conv(self, channels: int, causal: bool) -> nn.Sequential:
        """From features to one number a bin."""
        return nn.Sequential(
            nn.ConvTranspose2d(channels, channels, (1, 3), stride=(1, 2)),
            nn.Conv2d(channels, 1, 1),
            make_norm(1, causal),
            nn.PReLU(1),
            nn.Conv2d(1, 1, 1),
        )

    def after(self, x: Tensor) -> Tensor:
        """To all bins and one channel, and to a mask."""
        return self.lsigmoid(self.mask_conv(x))


class PhaseDecoder(DenseStage):
    """Features ``[B, C, T, encoded_bins(num_bins)]`` -> phase ``[B, T, num_bins]`` in radians, (-pi, pi]."""

    #: Bins that each of the last two convolutions sees.
    last_width: ClassVar[int] = 1

    def __init__(self, channels: int, num_bins: int, depth: int = DENSE_DEPTH, causal: bool = True) -> None:
        super().__init__(channels, encoded_bins(num_bins), depth, causal)
        self.phase_conv = nn.Sequential(
            self.make_widening(channels), make_norm(channels, causal), nn.PReLU(channels)
        )
        self.phase_conv_r = nn.Conv2d(channels, 1, (1, self.last_width))
        self.phase_conv_i = nn.Conv2d(channels, 1, (1, self.last_width))

    def make_widening(self, channels: int) -> nn.Module:
        """From the encoder's positions to all bins."""
        return nn.ConvTranspose2d(channels, channels, (1, 3), stride=(1, 2))

    def after(self, x: Tensor) -> Tensor:
        """To all bins, then to the angle of the point (r, i)."""
        x = self.phase_conv(x)
        return torch.atan2(self.phase_conv_i(x), self.phase_conv_r(x)).squeeze(1)


class DepthwiseSeparableConv2d(nn.Module):
    """3x3 convolution of each channel alone, then 1x1 across channels, on ``[B, C, T, F]``.

    Dilated in time, where it is not padded, see `DilatedConv2d`.
    """

    def __init__(self, in_channels: int, out_channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.depthwise = DilatedConv2d(in_channels, in_channels, dilation, groups=in_channels)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, in_channels, T, F] -> [B, out_channels, T - 2 * dilation, F]``."""
        return self.pointwise(self.depthwise(x))


class LiteDenseBlock(DenseBlock):
    """`DenseBlock` of separable convolutions."""

    conv = DepthwiseSeparableConv2d


class LiteDenseEncoder(DenseEncoder):
    """`DenseEncoder` around a `LiteDenseBlock`."""

    block = LiteDenseBlock


class LiteMagDecoder(MagDecoder):
    """`MagDecoder` around a `LiteDenseBlock`."""

    block = LiteDenseBlock


class LitePhaseDecoder(PhaseDecoder):
    """`PhaseDecoder` around a `LiteDenseBlock`."""

    block = LiteDenseBlock

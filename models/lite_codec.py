"""The lite codec: the dense codec with depthwise separable convolutions in its dense blocks.

A dense 3x3 convolution costs ``9 * C_in * C_out`` multiplications a position, a separable one
``9 * C_in + C_in * C_out`` (Howard et al. 2017, MobileNets, section 3.1).
"""

from torch import Tensor, nn

from .dense_block import DenseBlock, DilatedConv2d
from .dense_codec import DenseEncoder, MagDecoder, PhaseDecoder


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

"""The codec of MP-SENet (Lu et al. 2023): that of SEMamba but for its paddings and its way back to all bins.

Its dense blocks pad the past alone. They are offline all the same, for they normalise whole recordings.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from ..codecs.dense import DenseEncoder, MagDecoder, PhaseDecoder
from ..codecs.dense_block import DenseBlock, DenseState, make_norm


class PastDenseBlock(DenseBlock):
    """A dense block of convolutions of kernel (2, 3), over a frame and one of its past."""

    def make_layer(self, in_channels: int, dilation: int) -> nn.Sequential:
        """Padding, convolution, norm, PReLU; published checkpoints count the padding too."""
        return nn.Sequential(
            nn.ConstantPad2d((1, 1, dilation, 0), 0.0),
            nn.Conv2d(in_channels, self.channels, (2, 3), dilation=(dilation, 1)),
            make_norm(self.channels, self.causal),
            nn.PReLU(self.channels),
        )

    def surround(self, stack: Tensor, dilation: int, state: DenseState) -> Tensor:
        """Nothing: each layer pads for itself."""
        return stack


class SubPixelConv(nn.Module):
    """Twice the positions along frequency: a convolution makes two of each (Shi et al. 2016, here in 1-D)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 2 * channels, (1, 3))

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T, P] -> [B, C, T, 2P]``."""
        both = self.conv(F.pad(x, (1, 1))).unflatten(1, (2, -1))  # [B, 2, C, T, P]
        return both.permute(0, 2, 3, 4, 1).flatten(3)


class MPSENetEncoder(DenseEncoder):
    """Features ``[B, in_channels, T, F] -> [B, channels, T, (F + 1) // 2]``."""

    block = PastDenseBlock
    padding = 1


class MPSENetMagDecoder(MagDecoder):
    """Features ``[B, C, T, (F + 1) // 2]`` -> mask ``[B, 1, T, F]`` in (0, beta)."""

    block = PastDenseBlock

    def make_mask_conv(self, channels: int, causal: bool) -> nn.Sequential:
        """From features to one number a bin."""
        return nn.Sequential(
            SubPixelConv(channels),
            make_norm(channels, causal),
            nn.PReLU(channels),
            nn.Conv2d(channels, 1, (1, 2)),
        )


class MPSENetPhaseDecoder(PhaseDecoder):
    """Features ``[B, C, T, (F + 1) // 2]`` -> phase ``[B, T, F]`` in radians, (-pi, pi]."""

    block = PastDenseBlock
    last_width = 2

    def make_widening(self, channels: int) -> nn.Module:
        """From the encoder's positions to one more than all bins."""
        return SubPixelConv(channels)

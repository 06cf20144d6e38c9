"""The dense block of the codecs: dilated 3x3 convolutions, each on the stack of everything before it.

One class for both forms (Lu et al. 2023, MP-SENet; Chao et al. 2024, SEMamba). The causal form pads the
past only, with frames it carries as its state, and normalises each frame alone; the offline form pads both
sides and normalises over the whole recording.
"""

from typing import ClassVar, NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...kernels.dispatch import fused_ops
from ..state import join_context


class DenseBlockState(NamedTuple):
    """``past [B, 2**depth, depth * C, F]``: the last frames of all that the last layer sees.

    A frame lies in one piece, so that an exported graph copies whole pieces and not row by row.
    """

    past: Tensor


#: The offline form carries nothing.
DenseState: TypeAlias = DenseBlockState | tuple[()]


class FrameNorm(nn.Module):
    """Normalises each channel over frequency within its frame, then scales and shifts it. No memory.

    The causal stand-in for instance normalisation, which looks at the whole recording.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T, F] -> [B, C, T, F]``."""
        return fused_ops(x, x.shape[-1]).frame_norm(x, self.weight, self.bias, self.eps)


def make_norm(channels: int, causal: bool) -> nn.Module:
    """What a causal or an offline codec normalises its convolutions' ``[B, C, T, F]`` with."""
    return FrameNorm(channels) if causal else nn.InstanceNorm2d(channels, affine=True)


class DilatedConv2d(nn.Conv2d):
    """3x3 convolution of ``[B, C, T, F]``, dilated and not padded in time: T shrinks by ``2 * dilation``.

    Of three frames that were picked ``dilation`` apart it makes one, as of all frames they were picked from.
    """

    def __init__(self, in_channels: int, out_channels: int, dilation: int, groups: int = 1) -> None:
        super().__init__(in_channels, out_channels, 3, dilation=(dilation, 1), padding=(0, 1), groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T, F] -> [B, C', T - 2 * dilation, F]``, or ``[B, C, 3, F] -> [B, C', 1, F]``."""
        dilation = (1, 1) if x.shape[2] == 3 else self.dilation
        return F.conv2d(
            x, self.weight, self.bias, padding=self.padding, dilation=dilation, groups=self.groups
        )


class DenseBlock(nn.Module):
    """``depth`` layers of convolution, normalisation and PReLU on ``[B, C, T, F]``.

    Layer i is dilated by ``2**i`` frames and sees the outputs of all layers before it and the input, the
    newest first. ``num_bins`` is F, which the state needs. The offline form (``causal=False``) has an empty
    state and must be given whole recordings.
    """

    #: Class of the convolutions, called with (in_channels, out_channels, dilation).
    conv: ClassVar[type[nn.Module]] = DilatedConv2d

    def __init__(self, channels: int, num_bins: int, depth: int = 4, causal: bool = True) -> None:
        super().__init__()
        self.channels, self.num_bins, self.depth, self.causal = channels, num_bins, depth, causal
        self.dense_block = nn.ModuleList(self.make_layer(channels * (i + 1), 2**i) for i in range(depth))

    def make_layer(self, in_channels: int, dilation: int) -> nn.Sequential:
        """The layer that sees so many channels, of frames as `surround` gives them."""
        channels = self.channels
        return nn.Sequential(
            self.conv(in_channels, channels, dilation), make_norm(channels, self.causal), nn.PReLU(channels)
        )

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> DenseState:
        """Zeros, as the padding of a recording that starts here."""
        if not self.causal:
            return ()
        shape = (batch, 2**self.depth, self.depth * self.channels, self.num_bins)
        return DenseBlockState(torch.zeros(shape, device=device, dtype=dtype))

    def forward(self, x: Tensor, state: DenseState | None = None) -> tuple[Tensor, DenseState]:
        """``[B, C, T, F] -> [B, C, T, F]``, the output of the last layer."""
        if state is None:
            state = self.init_state(x.shape[0], x.device, x.dtype)
        stack = x
        for i, layer in enumerate(self.dense_block):
            stack = torch.cat([layer(self.surround(stack, 2**i, state)), stack], dim=1)
        if isinstance(state, DenseBlockState):
            new = stack[:, self.channels :].transpose(1, 2)
            state = DenseBlockState(join_context(state.past, new, dim=1)[1])
        return stack[:, : self.channels], state

    def surround(self, stack: Tensor, dilation: int, state: DenseState) -> Tensor:
        """``stack [B, C, T, F]`` with the ``2 * dilation`` frames around it that a convolution needs."""
        if isinstance(state, DenseBlockState):
            # A layer's inputs are the oldest of the last layer's, which come last.
            apart = dilation if stack.shape[2] == 1 else 1  # one frame sees no more of them
            past = state.past[:, -2 * dilation :: apart, -stack.shape[1] :]
            return torch.cat([past.transpose(1, 2), stack], dim=2)
        return F.pad(stack, (0, 0, dilation, dilation))

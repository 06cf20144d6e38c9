"""The Triton kernels as torch operators ``lipstream::*``, behind the signatures of `kernels.reference.fused`.

The operators are functional, as the state protocol is: a kernel reads the old state and writes the new one,
which moves no more bytes than a step in place. As `triton_op` they have fake implementations, and
`torch.compile` sees the kernels in them. Numbers may be float32, bfloat16 or float16, each tensor in its own
type; inside they are float32, and a state keeps the type in which it came.
"""

import torch
from torch import Tensor
from torch.library import triton_op, wrap_triton

from ..reference.fused import Mamba1Weights, Mamba2Weights, Pair
from .conv import conv_kernel, conv_step_kernel
from .mamba1 import scan_both_kernel
from .mamba1 import step_kernel as mamba1_step_kernel
from .mamba2 import both_kernel
from .mamba2 import step_kernel as mamba2_step_kernel
from .norm import frame_norm_kernel, gated_norm_kernel

#: Channels in a program of Mamba-1: with 16 states each, 16 numbers of state in a thread of one warp.
SCAN_CHANNELS = 32
#: Positions and channels in a program of a convolution along rows.
CONV_POSITIONS, CONV_CHANNELS = 16, 64
#: Positions in a program of the two-sided Mamba-2: the least that a matrix product takes.
BOTH_POSITIONS = 16


def power_of_two(size: int, least: int = 1) -> int:
    """The least power of two that is at least ``size``: how long a block of registers must be."""
    return max(least, 1 << (size - 1).bit_length())


def _blocks(size: int, block: int) -> int:
    return -(-size // block)


@triton_op("lipstream::mamba1_conv_step", mutates_args=())
def _mamba1_conv_step(
    projected: Tensor, taps: Tensor, bias: Tensor, context: Tensor
) -> tuple[Tensor, Tensor]:
    rows, (width, taps_count) = projected.shape[0], taps.shape
    u, after = projected.new_empty(rows, width), torch.empty_like(context)
    block = power_of_two(min(width, 256))
    wrap_triton(conv_step_kernel)[(rows, _blocks(width, block))](
        projected.contiguous(), taps, bias, context.contiguous(), u, after,
        D=width, K=taps_count, BLOCK_D=block,
    )  # fmt: skip
    return u, after


@triton_op("lipstream::mamba1_step", mutates_args=())
def _mamba1_step(
    projected: Tensor,
    u: Tensor,
    selected: Tensor,
    dt_weight: Tensor,
    dt_bias: Tensor,
    A_log: Tensor,
    D: Tensor,
    h: Tensor,
) -> tuple[Tensor, Tensor]:
    (rows, width), states, rank = u.shape, A_log.shape[1], dt_weight.shape[1]
    y, after = torch.empty_like(u), torch.empty_like(h)
    wrap_triton(mamba1_step_kernel)[(rows, _blocks(width, SCAN_CHANNELS))](
        projected.contiguous(), u, selected.contiguous(), dt_weight, dt_bias, A_log, D, h.contiguous(),
        y, after,
        D=width, N=states, RANK=rank,
        BLOCK_D=SCAN_CHANNELS, BLOCK_N=power_of_two(states), BLOCK_RANK=power_of_two(rank), num_warps=1,
    )  # fmt: skip
    return y, after


def _conv(x: Tensor, taps: Tensor, bias: Tensor, y: Tensor, stride: int, first: int, towards: int) -> None:
    (rows, length, width), taps_count = y.shape, taps.shape[1]
    grid = (rows, _blocks(length, CONV_POSITIONS), _blocks(width, CONV_CHANNELS))
    wrap_triton(conv_kernel)[grid](
        x, taps, bias, y, length, first, towards,
        STRIDE=stride, CHANNELS=width, K=taps_count, BLOCK_L=CONV_POSITIONS, BLOCK_C=CONV_CHANNELS,
    )  # fmt: skip


@triton_op("lipstream::mamba1_conv_both", mutates_args=())
def _mamba1_conv_both(
    ahead: Tensor, back: Tensor, ahead_taps: Tensor, back_taps: Tensor, ahead_bias: Tensor, back_bias: Tensor
) -> tuple[Tensor, Tensor]:
    (rows, length, stride), (width, taps_count) = ahead.shape, ahead_taps.shape
    ahead_u, back_u = ahead.new_empty(rows, length, width), back.new_empty(rows, length, width)
    _conv(ahead.contiguous(), ahead_taps, ahead_bias, ahead_u, stride, 1 - taps_count, 1)
    _conv(back.contiguous(), back_taps, back_bias, back_u, stride, taps_count - 1, -1)
    return ahead_u, back_u


@triton_op("lipstream::mamba1_both", mutates_args=())
def _mamba1_both(
    ahead: Tensor,
    back: Tensor,
    ahead_u: Tensor,
    back_u: Tensor,
    ahead_selected: Tensor,
    back_selected: Tensor,
    ahead_dt_weight: Tensor,
    back_dt_weight: Tensor,
    ahead_dt_bias: Tensor,
    back_dt_bias: Tensor,
    ahead_A_log: Tensor,
    back_A_log: Tensor,
    ahead_D: Tensor,
    back_D: Tensor,
) -> tuple[Tensor, Tensor]:
    (rows, length, width), states, rank = ahead_u.shape, ahead_A_log.shape[1], ahead_dt_weight.shape[1]
    ahead_y, back_y = torch.empty_like(ahead_u), torch.empty_like(back_u)
    wrap_triton(scan_both_kernel)[(rows, _blocks(width, SCAN_CHANNELS), 2)](
        ahead.contiguous(), back.contiguous(), ahead_u, back_u,
        ahead_selected.contiguous(), back_selected.contiguous(), ahead_dt_weight, back_dt_weight,
        ahead_dt_bias, back_dt_bias, ahead_A_log, back_A_log, ahead_D, back_D, ahead_y, back_y, length,
        D=width, N=states, RANK=rank,
        BLOCK_D=SCAN_CHANNELS, BLOCK_N=power_of_two(states), BLOCK_RANK=power_of_two(rank), num_warps=1,
    )  # fmt: skip
    return ahead_y, back_y


@triton_op("lipstream::mamba2_step", mutates_args=())
def _mamba2_step(
    projected: Tensor,
    taps: Tensor,
    bias: Tensor,
    dt_bias: Tensor,
    A_log: Tensor,
    D: Tensor,
    norm: Tensor,
    eps: float,
    context: Tensor,
    h: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    rows, _, size, states = h.shape
    width = norm.shape[0]
    y = projected.new_empty(rows, width)
    context_after, after = torch.empty_like(context), torch.empty_like(h)
    block, block_states = power_of_two(width), power_of_two(states)
    wrap_triton(mamba2_step_kernel)[(rows,)](
        projected.contiguous(), taps, bias, dt_bias, A_log, D, norm, eps,
        context.contiguous(), h.contiguous(), y, context_after, after,
        E=width, N=states, P=size, K=taps.shape[1],
        BLOCK_E=block, BLOCK_N=block_states, num_warps=min(8, max(1, block * block_states // 512)),
    )  # fmt: skip
    return y, context_after, after


@triton_op("lipstream::mamba2_both", mutates_args=())
def _mamba2_both(
    projected: Tensor,
    taps: Tensor,
    bias: Tensor,
    dt_bias: Tensor,
    A_log: Tensor,
    D: Tensor,
    norm: Tensor,
    eps: float,
) -> Tensor:
    (rows, length, stride), (channels, taps_count) = projected.shape, taps.shape
    width, heads = norm.shape[0], D.shape[0]
    states, size = (channels - width) // 2, width // heads
    projected = projected.contiguous()
    mixed = projected.new_empty(rows, length, channels, dtype=torch.float32)
    _conv(projected[..., width:], taps, bias, mixed, stride, -(taps_count // 2), 1)
    y = projected.new_empty(rows, length, width, dtype=torch.float32)
    wrap_triton(both_kernel)[(rows, heads, _blocks(length, BOTH_POSITIONS))](
        projected, mixed, dt_bias, A_log, D, y, length,
        E=width, N=states, P=size, BLOCK=BOTH_POSITIONS, BLOCK_L=power_of_two(length, BOTH_POSITIONS),
        BLOCK_N=power_of_two(states, 16), BLOCK_P=power_of_two(size, 16),
    )  # fmt: skip
    out = projected.new_empty(rows, length, width)
    wrap_triton(gated_norm_kernel)[(rows * length,)](
        y, projected, norm, eps, out, STRIDE_Z=stride, E=width, BLOCK_E=power_of_two(width)
    )
    return out


@triton_op("lipstream::frame_norm", mutates_args=())
def _frame_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    batch, channels, frames, positions = x.shape
    x = x.contiguous()
    out = torch.empty_like(x)
    wrap_triton(frame_norm_kernel)[(batch * channels * frames,)](
        x, weight, bias, eps, out, frames, C=channels, F=positions, BLOCK_F=power_of_two(positions)
    )
    return out


def mamba1_conv_step(projected: Tensor, weights: Mamba1Weights, context: Tensor) -> tuple[Tensor, Tensor]:
    """See `fused.mamba1_conv_step`."""
    u, after = _mamba1_conv_step(projected, weights.taps, weights.bias, context)
    return u, after


def mamba1_step(
    projected: Tensor, u: Tensor, selected: Tensor, weights: Mamba1Weights, h: Tensor
) -> tuple[Tensor, Tensor]:
    """See `fused.mamba1_step`."""
    y, after = _mamba1_step(projected, u, selected, *weights[2:], h)
    return y, after


def mamba1_conv_both(projected: Pair, weights: tuple[Mamba1Weights, Mamba1Weights]) -> Pair:
    """See `fused.mamba1_conv_both`."""
    ahead, back = weights
    first, second = _mamba1_conv_both(*projected, ahead.taps, back.taps, ahead.bias, back.bias)
    return first, second


def mamba1_both(
    projected: Pair, u: Pair, selected: Pair, weights: tuple[Mamba1Weights, Mamba1Weights]
) -> Pair:
    """See `fused.mamba1_both`."""
    pairs = zip(weights[0][2:], weights[1][2:], strict=True)
    first, second = _mamba1_both(*projected, *u, *selected, *(w for pair in pairs for w in pair))
    return first, second


def mamba2_step(
    projected: Tensor, weights: Mamba2Weights, context: Tensor, h: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """See `fused.mamba2_step`."""
    y, context_after, after = _mamba2_step(projected, *weights, context, h)
    return y, context_after, after


def mamba2_both(projected: Tensor, weights: Mamba2Weights) -> Tensor:
    """See `fused.mamba2_both`."""
    y: Tensor = _mamba2_both(projected, *weights)
    return y


def frame_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """See `fused.frame_norm`."""
    y: Tensor = _frame_norm(x, weight, bias, eps)
    return y

"""Kernels of the short depthwise convolutions, with the SiLU behind them."""

import triton
import triton.language as tl

from .device import read, silu


@triton.jit
def conv_silu_step(
    x: tl.tensor,
    taps: tl.tensor,
    bias: tl.tensor,
    context: tl.tensor,
    next_context: tl.tensor,
    channel: tl.tensor,
    mask: tl.tensor,
    CHANNELS: tl.constexpr,
    K: tl.constexpr,
) -> tl.tensor:
    """One row's causal convolution and SiLU for a block of channels; writes the row's next context.

    ``x [CHANNELS]``, ``taps [CHANNELS, K]``, ``context [K - 1, CHANNELS]`` of this row.
    """
    present = read(x + channel, mask)
    y = read(bias + channel, mask) + present * read(taps + channel * K + K - 1, mask)
    for k in tl.static_range(K - 1):
        past = read(context + k * CHANNELS + channel, mask)
        y += past * read(taps + channel * K + k, mask)
        if k > 0:
            tl.store(next_context + (k - 1) * CHANNELS + channel, past, mask=mask)
    if K > 1:
        tl.store(next_context + (K - 2) * CHANNELS + channel, present, mask=mask)
    return silu(y)


@triton.jit
def conv_step_kernel(
    projected: tl.tensor,
    taps: tl.tensor,
    bias: tl.tensor,
    context: tl.tensor,
    u: tl.tensor,
    next_context: tl.tensor,
    D: tl.constexpr,
    K: tl.constexpr,
    BLOCK_D: tl.constexpr,
) -> None:
    """Program (row, block of channels): see `fused.mamba1_conv_step`."""
    row = tl.program_id(0).to(tl.int64)
    d = tl.program_id(1) * BLOCK_D + tl.arange(0, BLOCK_D)
    before = row * (K - 1) * D
    y = conv_silu_step(
        projected + row * 2 * D, taps, bias, context + before, next_context + before, d, d < D, D, K
    )
    tl.store(u + row * D + d, y, mask=d < D)


@triton.jit
def conv_kernel(
    x: tl.tensor,
    taps: tl.tensor,
    bias: tl.tensor,
    y: tl.tensor,
    length: int,
    first: int,
    towards: int,
    STRIDE: tl.constexpr,
    CHANNELS: tl.constexpr,
    K: tl.constexpr,
    BLOCK_L: tl.constexpr,
    BLOCK_C: tl.constexpr,
) -> None:
    """Program (row, block of positions, block of channels): along whole rows, zeros outside them.

    ``y[l] = silu(bias + sum_k taps[k] * x[l + first + k * towards])``; positions of ``x [R, L, CHANNELS]``
    are ``STRIDE`` numbers apart, ``y`` has no gaps.
    """
    start = tl.program_id(0).to(tl.int64) * length
    position = tl.program_id(1) * BLOCK_L + tl.arange(0, BLOCK_L)
    c = tl.program_id(2) * BLOCK_C + tl.arange(0, BLOCK_C)
    total = tl.zeros([BLOCK_L, BLOCK_C], tl.float32) + read(bias + c, c < CHANNELS)[None, :]
    for k in tl.static_range(K):
        source = position + first + k * towards
        inside = ((source >= 0) & (source < length))[:, None] & (c < CHANNELS)[None, :]
        tap = read(taps + c * K + k, c < CHANNELS)
        total += read(x + (start + source)[:, None] * STRIDE + c[None, :], inside) * tap[None, :]
    inside = (position < length)[:, None] & (c < CHANNELS)[None, :]
    tl.store(y + (start + position)[:, None] * CHANNELS + c[None, :], silu(total), mask=inside)

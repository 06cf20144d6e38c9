"""Kernels of the norms: gated RMS norm behind a mixer, norm over the frequencies of a frame in a codec."""

import triton
import triton.language as tl

from .device import read, silu


@triton.jit
def gated_norm_kernel(
    y: tl.tensor,
    z: tl.tensor,
    weight: tl.tensor,
    eps: float,
    out: tl.tensor,
    STRIDE_Z: tl.constexpr,
    E: tl.constexpr,
    BLOCK_E: tl.constexpr,
) -> None:
    """Program (position): RMS norm of ``y [E] * silu(z)``; those of ``z`` lie ``STRIDE_Z`` apart."""
    row = tl.program_id(0).to(tl.int64)
    e = tl.arange(0, BLOCK_E)
    gated = read(y + row * E + e, e < E) * silu(read(z + row * STRIDE_Z + e, e < E))
    scale = tl.rsqrt(tl.sum(gated * gated, axis=0) / E + eps)
    tl.store(out + row * E + e, gated * scale * read(weight + e, e < E), mask=e < E)


@triton.jit
def frame_norm_kernel(
    x: tl.tensor,
    weight: tl.tensor,
    bias: tl.tensor,
    eps: float,
    out: tl.tensor,
    frames: int,
    C: tl.constexpr,
    F: tl.constexpr,
    BLOCK_F: tl.constexpr,
) -> None:
    """Program (one channel of one frame of ``x [B, C, T, F]``): see `fused.frame_norm`."""
    row = tl.program_id(0).to(tl.int64)
    channel = row // frames % C
    f = tl.arange(0, BLOCK_F)
    values = read(x + row * F + f, f < F)
    away = tl.where(f < F, values - tl.sum(values, axis=0) / F, 0.0)
    scale = tl.rsqrt(tl.sum(away * away, axis=0) / F + eps)
    scaled = away * scale * tl.load(weight + channel).to(tl.float32) + tl.load(bias + channel).to(tl.float32)
    tl.store(out + row * F + f, scaled, mask=f < F)

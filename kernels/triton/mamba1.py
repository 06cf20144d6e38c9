"""Kernels of Mamba-1: a step of rows, and both directions of a short axis in one launch."""

import triton
import triton.language as tl

from .device import read, silu, softplus


@triton.jit
def _decay(A_log: tl.tensor, d: tl.tensor, n: tl.tensor, D: tl.constexpr, N: tl.constexpr) -> tl.tensor:
    inside = (d < D)[:, None] & (n < N)[None, :]
    return -tl.exp(read(A_log + d[:, None] * N + n[None, :], inside))


@triton.jit
def _low_rank(
    dt_weight: tl.tensor, d: tl.tensor, D: tl.constexpr, RANK: tl.constexpr, BLOCK_RANK: tl.constexpr
) -> tl.tensor:
    rank = tl.arange(0, BLOCK_RANK)
    return read(dt_weight + d[:, None] * RANK + rank[None, :], (d < D)[:, None] & (rank < RANK)[None, :])


@triton.jit
def _advance(
    h: tl.tensor,
    a: tl.tensor,
    skip: tl.tensor,
    dt_weight: tl.tensor,
    dt_bias: tl.tensor,
    u: tl.tensor,
    z: tl.tensor,
    selected: tl.tensor,
    y: tl.tensor,
    d: tl.tensor,
    n: tl.tensor,
    D: tl.constexpr,
    N: tl.constexpr,
    RANK: tl.constexpr,
    BLOCK_RANK: tl.constexpr,
) -> tl.tensor:
    """One position, at ``u, z [D]`` and ``selected [RANK + 2N]``: writes ``y [D]``, gives the next h."""
    rank = tl.arange(0, BLOCK_RANK)
    low = read(selected + rank, rank < RANK)
    b = read(selected + RANK + n, n < N)
    c = read(selected + RANK + N + n, n < N)
    heard = read(u + d, d < D)
    delta = softplus(tl.sum(dt_weight * low[None, :], axis=1) + dt_bias)
    h = tl.exp(delta[:, None] * a) * h + (delta * heard)[:, None] * b[None, :]
    out = tl.sum(h * c[None, :], axis=1) + skip * heard
    tl.store(y + d, out * silu(read(z + d, d < D)), mask=d < D)
    return h


@triton.jit
def step_kernel(
    projected: tl.tensor,
    u: tl.tensor,
    selected: tl.tensor,
    dt_weight: tl.tensor,
    dt_bias: tl.tensor,
    A_log: tl.tensor,
    skip: tl.tensor,
    h: tl.tensor,
    y: tl.tensor,
    next_h: tl.tensor,
    D: tl.constexpr,
    N: tl.constexpr,
    RANK: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_RANK: tl.constexpr,
) -> None:
    """Program (row, block of channels): see `fused.mamba1_step`."""
    row = tl.program_id(0).to(tl.int64)
    d = tl.program_id(1) * BLOCK_D + tl.arange(0, BLOCK_D)
    n = tl.arange(0, BLOCK_N)
    inside = (d < D)[:, None] & (n < N)[None, :]
    state = row * D * N + d[:, None] * N + n[None, :]
    after = _advance(
        read(h + state, inside), _decay(A_log, d, n, D, N), read(skip + d, d < D),
        _low_rank(dt_weight, d, D, RANK, BLOCK_RANK), read(dt_bias + d, d < D),
        u + row * D, projected + row * 2 * D + D, selected + row * (RANK + 2 * N), y + row * D,
        d, n, D, N, RANK, BLOCK_RANK,
    )  # fmt: skip
    tl.store(next_h + state, after, mask=inside)


@triton.jit
def scan_both_kernel(
    ahead: tl.tensor,
    back: tl.tensor,
    ahead_u: tl.tensor,
    back_u: tl.tensor,
    ahead_selected: tl.tensor,
    back_selected: tl.tensor,
    ahead_dt_weight: tl.tensor,
    back_dt_weight: tl.tensor,
    ahead_dt_bias: tl.tensor,
    back_dt_bias: tl.tensor,
    ahead_A_log: tl.tensor,
    back_A_log: tl.tensor,
    ahead_skip: tl.tensor,
    back_skip: tl.tensor,
    ahead_y: tl.tensor,
    back_y: tl.tensor,
    length: int,
    D: tl.constexpr,
    N: tl.constexpr,
    RANK: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_RANK: tl.constexpr,
) -> None:
    """Program (row, block of channels, direction): see `fused.mamba1_both`.

    The state stays in registers from one end of the row to the other.
    """
    forward = tl.program_id(2) == 0
    projected = ahead if forward else back
    u, selected = ahead_u if forward else back_u, ahead_selected if forward else back_selected
    y = ahead_y if forward else back_y
    row = tl.program_id(0).to(tl.int64) * length
    d = tl.program_id(1) * BLOCK_D + tl.arange(0, BLOCK_D)
    n = tl.arange(0, BLOCK_N)
    a = _decay(ahead_A_log if forward else back_A_log, d, n, D, N)
    weight = _low_rank(ahead_dt_weight if forward else back_dt_weight, d, D, RANK, BLOCK_RANK)
    bias = read((ahead_dt_bias if forward else back_dt_bias) + d, d < D)
    through = read((ahead_skip if forward else back_skip) + d, d < D)
    h = tl.zeros([BLOCK_D, BLOCK_N], tl.float32)
    for i in range(length):
        at = row + (i if forward else length - 1 - i)
        h = _advance(
            h, a, through, weight, bias,
            u + at * D, projected + at * 2 * D + D, selected + at * (RANK + 2 * N), y + at * D,
            d, n, D, N, RANK, BLOCK_RANK,
        )  # fmt: skip

"""Kernels of Mamba-2: a whole step of rows, and both directions of a short axis as one matrix a head."""

import triton
import triton.language as tl

from .conv import conv_silu_step
from .device import read, silu, softplus


@triton.jit
def step_kernel(
    projected: tl.tensor,
    taps: tl.tensor,
    bias: tl.tensor,
    dt_bias: tl.tensor,
    A_log: tl.tensor,
    skip: tl.tensor,
    norm: tl.tensor,
    eps: float,
    context: tl.tensor,
    h: tl.tensor,
    y: tl.tensor,
    next_context: tl.tensor,
    next_h: tl.tensor,
    E: tl.constexpr,
    N: tl.constexpr,
    P: tl.constexpr,
    K: tl.constexpr,
    BLOCK_E: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
    """Program (row): see `fused.mamba2_step`. It holds the whole row, so that the norm needs no other."""
    M: tl.constexpr = E + 2 * N
    row = tl.program_id(0).to(tl.int64)
    e = tl.arange(0, BLOCK_E)
    n = tl.arange(0, BLOCK_N)
    z = projected + row * (E + M + E // P)
    before, after = context + row * (K - 1) * M, next_context + row * (K - 1) * M
    x = conv_silu_step(z + E, taps, bias, before, after, e, e < E, M, K)
    b = conv_silu_step(z + E, taps, bias, before, after, E + n, n < N, M, K)
    c = conv_silu_step(z + E, taps, bias, before, after, E + N + n, n < N, M, K)

    head = e // P
    dt = softplus(read(z + E + M + head, e < E) + read(dt_bias + head, e < E))
    decay = tl.exp(-dt * tl.exp(read(A_log + head, e < E)))
    inside = (e < E)[:, None] & (n < N)[None, :]
    state = row * E * N + e[:, None] * N + n[None, :]
    state_after = read(h + state, inside) * decay[:, None] + (dt * x)[:, None] * b[None, :]
    tl.store(next_h + state, state_after, mask=inside)

    out = tl.sum(state_after * c[None, :], axis=1) + read(skip + head, e < E) * x
    gated = tl.where(e < E, out * silu(read(z + e, e < E)), 0.0)
    scale = tl.rsqrt(tl.sum(gated * gated, axis=0) / E + eps)
    tl.store(y + row * E + e, gated * scale * read(norm + e, e < E), mask=e < E)


@triton.jit
def _dt(raw: tl.tensor, bias: tl.tensor, position: tl.tensor, length: int, WIDTH: tl.constexpr) -> tl.tensor:
    """Time steps of one head; 0 behind the end of the row, where nothing decays and nothing is added."""
    inside = position < length
    return tl.where(
        inside, softplus(read(raw + position * WIDTH, inside) + tl.load(bias).to(tl.float32)), 0.0
    )


@triton.jit
def _rate(A_log: tl.tensor) -> tl.tensor:
    return tl.exp(tl.load(A_log).to(tl.float32))


@triton.jit
def both_kernel(
    projected: tl.tensor,
    mixed: tl.tensor,
    dt_bias: tl.tensor,
    A_log: tl.tensor,
    skip: tl.tensor,
    y: tl.tensor,
    length: int,
    E: tl.constexpr,
    N: tl.constexpr,
    P: tl.constexpr,
    BLOCK: tl.constexpr,
    BLOCK_L: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_P: tl.constexpr,
) -> None:
    """Program (row, head, block of positions): `ssd_two_sided` of ``mixed [R, L, E + 2N]``.

    ``y [R, L, E]`` is neither gated nor normalised yet: that needs all heads.
    """
    M: tl.constexpr = E + 2 * N
    WIDTH: tl.constexpr = E + M + E // P
    row, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    raw_dt = projected + row * length * WIDTH + E + M + head
    rows = mixed + row * length * M
    query = tl.program_id(2) * BLOCK + tl.arange(0, BLOCK)
    n, p = tl.arange(0, BLOCK_N), tl.arange(0, BLOCK_P)
    of_x, of_b = head * P + p[None, :], E + n[None, :]
    inside = (query < length)[:, None]
    c = read(rows + query[:, None] * M + of_b + N, inside & (n < N)[None, :])
    x = read(rows + query[:, None] * M + of_x, inside & (p < P)[None, :])
    out = tl.load(skip + head).to(tl.float32) * x

    # Logarithms of decay summed over all positions up to each query, and up to the one before it.
    position = tl.arange(0, BLOCK_L)
    decays = -_dt(raw_dt, dt_bias + head, position, length, WIDTH) * _rate(A_log + head)
    query_after = tl.sum(tl.where(position[None, :] <= query[:, None], decays[None, :], 0.0), axis=1)
    query_before = query_after + _dt(raw_dt, dt_bias + head, query, length, WIDTH) * _rate(A_log + head)

    before_block = 0.0
    for start in range(0, length, BLOCK):
        key = start + tl.arange(0, BLOCK)
        heard = (key < length)[:, None]
        b = read(rows + key[:, None] * M + of_b, heard & (n < N)[None, :])
        x = read(rows + key[:, None] * M + of_x, heard & (p < P)[None, :])
        dt = _dt(raw_dt, dt_bias + head, key, length, WIDTH)
        log_decay = -dt * _rate(A_log + head)
        key_after = before_block + tl.cumsum(log_decay, axis=0)
        span = tl.where(
            key[None, :] <= query[:, None],
            query_after[:, None] - key_after[None, :],
            (key_after - log_decay)[None, :] - query_before[:, None],
        )
        scores = tl.dot(c, tl.trans(b), input_precision="ieee") * tl.exp(span)
        out = tl.dot(scores, x * dt[:, None], out, input_precision="ieee")
        before_block += tl.sum(log_decay, axis=0)
    at = (row * length + query)[:, None] * E + of_x
    tl.store(y + at, out, mask=inside & (p < P)[None, :])

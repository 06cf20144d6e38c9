"""What lies between the projections of a mixer, and the norm of a codec, as torch.

A GPU runs each of these as one to three kernels (`kernels.triton.ops`, same names and signatures);
`kernels.dispatch` picks. They take the output of a projection whole and the parameters as modules keep them.

Shapes: rows ``R``, length ``L``, inner width ``D`` (Mamba-1) or ``E`` (Mamba-2), heads ``H`` of size ``P``,
state size ``N``, taps ``K``. Mamba-1 projects to ``projected [..., 2D]``: the scan's input and the gate.
Mamba-2 projects to ``projected [..., E + M + H]``: the gate, the convolution's input (``M = E + 2N``), raw
time steps.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from ..sequences import selective_scan, ssd_scan
from .conv import causal_conv1d, causal_conv1d_step, symmetric_conv1d
from .selective_scan import selective_scan_step
from .ssd import ssd_step, ssd_two_sided, ssd_two_sided_long

#: What belongs to the forward and to the backward direction, both in the order of the row.
Pair: TypeAlias = tuple[Tensor, Tensor]


class Mamba1Weights(NamedTuple):
    """``taps [D, K]``, ``bias, dt_bias, D [D]``, ``dt_weight [D, rank]``, ``A_log [D, N]``."""

    taps: Tensor
    bias: Tensor
    dt_weight: Tensor
    dt_bias: Tensor
    A_log: Tensor
    D: Tensor


class Mamba2Weights(NamedTuple):
    """``taps [M, K]``, ``bias [M]``, ``dt_bias, A_log, D [H]``, ``norm [E]`` and the norm's epsilon."""

    taps: Tensor
    bias: Tensor
    dt_bias: Tensor
    A_log: Tensor
    D: Tensor
    norm: Tensor
    eps: float


def mamba1_conv_step(projected: Tensor, weights: Mamba1Weights, context: Tensor) -> tuple[Tensor, Tensor]:
    """One frame ``[R, 2D]``: the scan's input ``u [R, D]`` and the next context ``[R, K - 1, D]``."""
    u, context = causal_conv1d_step(projected.chunk(2, dim=-1)[0], weights.taps, weights.bias, context)
    return F.silu(u), context


def mamba1_step(
    projected: Tensor, u: Tensor, selected: Tensor, weights: Mamba1Weights, h: Tensor
) -> tuple[Tensor, Tensor]:
    """One frame from behind the convolution to the gate.

    Args:
        projected: ``[R, 2D]``.
        u: ``[R, D]`` of `mamba1_conv_step`.
        selected: ``[R, rank + 2N]``: the time step in its low rank, B and C.
        weights: see there.
        h: ``[R, D, N]``.

    Returns:
        ``y [R, D]`` and the next state.
    """
    y, h = selective_scan_step(u, *_selection(selected, weights), weights.D, h)
    return y * F.silu(projected.chunk(2, dim=-1)[1]), h


def mamba1_conv(projected: Tensor, weights: Mamba1Weights, context: Tensor) -> tuple[Tensor, Tensor]:
    """`mamba1_conv_step` for whole rows ``[R, L, 2D]``."""
    u, context = causal_conv1d(projected.chunk(2, dim=-1)[0], weights.taps, weights.bias, context)
    return F.silu(u), context


def mamba1_sequence(
    projected: Tensor, u: Tensor, selected: Tensor, weights: Mamba1Weights, h: Tensor | None
) -> tuple[Tensor, Tensor]:
    """`mamba1_step` for whole rows ``[R, L, ...]``; ``h`` None begins from zeros."""
    y, h = selective_scan(u, *_selection(selected, weights), weights.D, h)
    return y * F.silu(projected.chunk(2, dim=-1)[1]), h


def mamba1_conv_both(projected: Pair, weights: tuple[Mamba1Weights, Mamba1Weights]) -> Pair:
    """Whole rows ``[R, L, 2D]`` -> the scans' inputs ``u [R, L, D]``; the backward taps see what follows."""
    ahead, back = projected[0], projected[1].flip(1)
    taps, width = weights[0].taps.shape[1], weights[0].taps.shape[0]
    zeros = ahead.new_zeros(ahead.shape[0], taps - 1, width)
    return mamba1_conv(ahead, weights[0], zeros)[0], mamba1_conv(back, weights[1], zeros)[0].flip(1)


def mamba1_both(
    projected: Pair, u: Pair, selected: Pair, weights: tuple[Mamba1Weights, Mamba1Weights]
) -> Pair:
    """`mamba1_sequence` from zeros, once forwards and once backwards, each with its own parameters."""
    ahead, _ = mamba1_sequence(projected[0], u[0], selected[0], weights[0], None)
    back, _ = mamba1_sequence(projected[1].flip(1), u[1].flip(1), selected[1].flip(1), weights[1], None)
    return ahead, back.flip(1)


def mamba2_step(
    projected: Tensor, weights: Mamba2Weights, context: Tensor, h: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """One frame from projection to projection: convolution, step, gate and RMS norm.

    Args:
        projected: ``[R, E + M + H]``.
        weights: see there.
        context: ``[R, K - 1, M]``.
        h: ``[R, H, P, N]``.

    Returns:
        ``y [R, E]``, the next context and the next state.
    """
    z, mixed, dt = _split(projected, weights)
    mixed, context = causal_conv1d_step(mixed, weights.taps, weights.bias, context)
    x, b, c = _heads(mixed, weights)
    y, h = ssd_step(x, dt, -torch.exp(weights.A_log), b, c, weights.D, h)
    return _gate(y, z, weights), context, h


def mamba2_sequence(
    projected: Tensor, weights: Mamba2Weights, context: Tensor, h: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """`mamba2_step` for whole rows ``[R, L, ...]``."""
    z, mixed, dt = _split(projected, weights)
    mixed, context = causal_conv1d(mixed, weights.taps, weights.bias, context)
    x, b, c = _heads(mixed, weights)
    y, h = ssd_scan(x, dt, -torch.exp(weights.A_log), b, c, weights.D, h)
    return _gate(y, z, weights), context, h


def mamba2_both(projected: Tensor, weights: Mamba2Weights) -> Tensor:
    """Both directions of short rows at once, convolution centred: ``[R, L, E + M + H] -> [R, L, E]``."""
    return _two_sided(ssd_two_sided, projected, weights)


def mamba2_both_long(projected: Tensor, weights: Mamba2Weights) -> Tensor:
    """`mamba2_both` with memory linear in ``L``."""
    return _two_sided(ssd_two_sided_long, projected, weights)


def frame_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """``x [B, C, T, F]`` normalised over frequency, then scaled and shifted by ``weight, bias [C]``."""
    return F.layer_norm(x, x.shape[-1:], eps=eps) * weight[:, None, None] + bias[:, None, None]


def _selection(selected: Tensor, weights: Mamba1Weights) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What a scan selects by: delta ``[..., D]``, A ``[D, N]``, B and C ``[..., N]``."""
    states = weights.A_log.shape[1]
    dt, b, c = selected.split([weights.dt_weight.shape[1], states, states], dim=-1)
    delta = F.softplus(F.linear(dt, weights.dt_weight, weights.dt_bias))
    return delta, -torch.exp(weights.A_log), b, c


def _split(projected: Tensor, weights: Mamba2Weights) -> tuple[Tensor, Tensor, Tensor]:
    """The gate ``[..., E]``, the convolution's input ``[..., M]``, the time steps ``[..., H]``."""
    sizes = [weights.norm.shape[0], weights.taps.shape[0], weights.D.shape[0]]
    z, mixed, dt = projected.split(sizes, dim=-1)
    return z, mixed, F.softplus(dt + weights.dt_bias)


def _heads(mixed: Tensor, weights: Mamba2Weights) -> tuple[Tensor, Tensor, Tensor]:
    """Convolved ``[..., M]`` -> activated x ``[..., H, P]``, B and C ``[..., N]``."""
    inner, heads = weights.norm.shape[0], weights.D.shape[0]
    states = (mixed.shape[-1] - inner) // 2
    x, b, c = F.silu(mixed).split([inner, states, states], dim=-1)
    return x.unflatten(-1, (heads, inner // heads)), b, c


def _gate(y: Tensor, z: Tensor, weights: Mamba2Weights) -> Tensor:
    """``y [..., H, P]`` gated and normalised: ``[..., E]``."""
    return F.rms_norm(y.flatten(-2) * F.silu(z), weights.norm.shape, weights.norm, weights.eps)


def _two_sided(
    scan: Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], Tensor],
    projected: Tensor,
    weights: Mamba2Weights,
) -> Tensor:
    z, mixed, dt = _split(projected, weights)
    x, b, c = _heads(symmetric_conv1d(mixed, weights.taps, weights.bias), weights)
    return _gate(scan(x, dt, -torch.exp(weights.A_log), b, c, weights.D), z, weights)

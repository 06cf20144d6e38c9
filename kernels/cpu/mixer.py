"""A whole residual Mamba-2 mixer as one compiled CPU kernel, forward and backward (``train/mixer.cpp``).

Plain torch streams its small tensors through memory dozens of times for each mixer; the kernel takes one row
after the other through norm, projection, convolution, scan, gate and projection while the row lies in cache,
and keeps nothing for the way back but its input. The torch composition in ``models`` does the same, slower,
where it can't serve.
"""

import ctypes
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .calls import Kernel, gradient_parts, kernel, like, pointer


class MixerWeights(NamedTuple):
    """The parameters of a residual mixer ``x + out(mixer(in(norm(x))))``, as in `models.layers.mamba2`.

    ``norm [C]``, ``in_proj [E + M + H, C]`` (gate, input of the convolution, raw dt; ``M = E + 2N``),
    ``taps [M, K]`` and ``bias [M]`` of the short convolution, ``dt_bias, A, D [H]``, ``gate_norm [E]``,
    ``out_proj [C, E]``.
    """

    norm: Tensor
    in_proj: Tensor
    taps: Tensor
    bias: Tensor
    dt_bias: Tensor
    A: Tensor
    D: Tensor
    gate_norm: Tensor
    out_proj: Tensor


class Carried(NamedTuple):
    """What a stream carries on after the last position, without gradient.

    ``ssm [R1, R2, E, N]``, and the last inputs of the convolution, ``conv [R1, R2, K - 1, M]``.
    """

    ssm: Tensor
    conv: Tensor


class _Call(NamedTuple):
    """The arguments that forward and backward share, as C sees them."""

    kernel: Kernel
    shape: Any
    layout: Any
    eps: Any
    threads: int

    @classmethod
    def of(cls, x: Tensor, weights: tuple[Tensor, ...], two_sided: bool, eps: float) -> "_Call":
        outer, inner, length, channels = x.shape
        taps, heads, wide = weights[2], weights[6].numel(), weights[7].numel()
        states = (taps.shape[0] - wide) // 2
        sizes = (channels, wide, states, heads, length, taps.shape[1], int(two_sided))
        shape, layout = (ctypes.c_int * 7)(*sizes), (ctypes.c_long * 5)(outer, inner, *x.stride()[:3])
        chosen = kernel("mixer", x)
        return cls(chosen, shape, layout, chosen.real(eps), torch.get_num_threads())


class _ResidualMixer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, two_sided: bool, eps: float, *weights: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        call = _Call.of(x, weights, two_sided, eps)
        flat = torch.cat([weight.reshape(-1) for weight in weights])
        _, wide, states, _, _, taps, _ = call.shape
        rows = (0, 0) if two_sided else x.shape[:2]
        out = torch.empty_like(x)
        ssm, conv = x.new_empty(*rows, wide, states), x.new_empty(*rows, taps - 1, wide + 2 * states)
        call.kernel(
            "mixer_forward", call.shape, call.layout, call.eps, call.threads, pointer(flat), pointer(x),
            pointer(out), pointer(ssm), pointer(conv),
        )  # fmt: skip
        ctx.save_for_backward(x, flat, *weights)
        ctx.call = call
        ctx.mark_non_differentiable(ssm, conv)
        return out, ssm, conv

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        x, flat, *weights = ctx.saved_tensors
        call = ctx.call
        grad_out, grad_x = like(grads[0], x), torch.empty_like(x)
        partial = x.new_empty(call.threads, flat.numel())
        call.kernel(
            "mixer_backward", call.shape, call.layout, call.eps, call.threads, pointer(flat), pointer(x),
            pointer(grad_out), pointer(grad_x), pointer(partial), ctypes.c_long(flat.numel()),
        )  # fmt: skip
        return grad_x, None, None, *gradient_parts(partial, weights)


def residual_mixer(
    x: Tensor, weights: MixerWeights, two_sided: bool, eps: float
) -> tuple[Tensor, Carried | None]:
    """``x + mixer(rms_norm(x))`` for whole rows from a zero state.

    Args:
        x: ``[R1, R2, L, C]``, rows along L. The strides of the first three axes may be any, so that rows
            along time and along frequency come from one tensor without a copy; see `calls.serves`.
        weights: see `MixerWeights`.
        two_sided: both directions with a centred convolution (`ssd_two_sided`), else causal.
        eps: of both RMS norms.

    Returns:
        As ``x``, and what a stream would carry on (None if ``two_sided``: there is none).

    Raises:
        BuildError: there is no compiler; ask `calls.serves` first.
    """
    # What is allocated like a tensor with gaps has none, and would lie differently.
    dense = x.stride(-1) == 1 and torch.empty_like(x, device="meta").stride() == x.stride()
    out, ssm, conv = _ResidualMixer.apply(x if dense else x.contiguous(), two_sided, eps, *weights)
    return out, None if two_sided else Carried(ssm, conv)

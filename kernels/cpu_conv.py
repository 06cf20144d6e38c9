"""Convolutions along frequency as one compiled CPU kernel, forward and backward (``kernels/cpu/conv.cpp``).

General convolutions lose most of their time on images this narrow with channels this few; here each frame is
one small matrix product. `torch.nn.functional.conv2d` does the same, slower, where the kernel can't serve.
"""

import ctypes
from typing import Any

import torch
from torch import Tensor

from .cpu_calls import REALS, compiled, gradient_parts, like, pointer


def _places(x: Tensor) -> Any:
    return (ctypes.c_long * 4)(*x.stride())


class _FrequencyConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> Tensor:
        batch, channels, frames, bins = x.shape
        out_channels, _, _, taps = weight.shape
        bins_out = (bins + 2 * padding - taps) // stride + 1
        sizes = (batch, frames, bins, bins_out, channels, out_channels, taps, stride, padding)
        ctx.sizes, ctx.suffix = (ctypes.c_int * 9)(*sizes), REALS[x.dtype][0]
        y = x.new_empty(batch, frames, bins_out, out_channels).permute(0, 3, 1, 2)  # channels side by side
        weight = weight.contiguous()
        ctx.save_for_backward(x, weight, bias)
        getattr(compiled("conv"), f"conv_forward_{ctx.suffix}")(
            ctx.sizes, _places(x), _places(y), torch.get_num_threads(),
            pointer(x), pointer(weight), pointer(bias), pointer(y),
        )  # fmt: skip
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        x, weight, bias = ctx.saved_tensors
        grad_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        places = _places(x if grad_x is None else grad_x)
        x = x if grad_x is None else like(x, grad_x)
        threads = torch.get_num_threads()
        partial = x.new_empty(threads, weight.numel() + bias.numel())
        getattr(compiled("conv"), f"conv_backward_{ctx.suffix}")(
            ctx.sizes, places, _places(grads[0]), threads,
            pointer(x), pointer(weight), pointer(grads[0]), pointer(grad_x), pointer(partial),
        )  # fmt: skip
        return grad_x, *gradient_parts(partial, (weight, bias)), None, None


def frequency_conv(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> Tensor:
    """``conv2d`` with a kernel of one frame: ``[B, C, T, F] -> [B, C', T, F']``.

    Args:
        x: with any strides; fastest with the channels of a bin side by side, as the result has them.
        weight: ``[C', C, 1, K]``.
        bias: ``[C']``.
        stride: along frequency, in bins.
        padding: zeros on both sides, in bins.

    Raises:
        BuildError: there is no compiler; ask `cpu_calls.serves` first.
    """
    return _FrequencyConv.apply(x, weight, bias, stride, padding)

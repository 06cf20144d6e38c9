"""Convolutions along frequency as one compiled CPU kernel, forward and backward (``train/conv.cpp``).

General convolutions lose most of their time on images this narrow with channels this few; here each frame is
one small matrix product. `torch.nn.functional.conv2d` does the same, slower, where the kernel can't serve.
"""

import ctypes
from typing import Any

import torch
from torch import Tensor

from .calls import gradient_parts, kernel, like, pointer


def _places(x: Tensor) -> Any:
    return (ctypes.c_long * 4)(*x.stride())


class _FrequencyConv(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, slope: Tensor | None, stride: int, padding: int
    ) -> Tensor:
        batch, channels, frames, bins = x.shape
        out_channels, _, _, taps = weight.shape
        bins_out = (bins + 2 * padding - taps) // stride + 1
        sizes = (batch, frames, bins, bins_out, channels, out_channels, taps, stride, padding)
        ctx.sizes = (ctypes.c_int * 9)(*sizes)
        ctx.kernel = kernel("conv", x)
        y = x.new_empty(batch, frames, bins_out, out_channels).permute(0, 3, 1, 2)  # channels side by side
        pre = y if slope is None else torch.empty_like(y)
        weight = weight.contiguous()
        ctx.save_for_backward(x, weight, bias, slope, None if slope is None else pre)
        ctx.kernel(
            "conv_forward", ctx.sizes, _places(x), _places(y), torch.get_num_threads(),
            pointer(x), pointer(weight), pointer(bias), pointer(slope), pointer(pre), pointer(y),
        )  # fmt: skip
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        x, weight, bias, slope, pre = ctx.saved_tensors
        grad_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        places = _places(x if grad_x is None else grad_x)
        x = x if grad_x is None else like(x, grad_x)
        grad_y = grads[0] if pre is None else like(grads[0], pre)
        parameters = [weight, bias] if slope is None else [weight, bias, slope]
        threads = torch.get_num_threads()
        partial = x.new_empty(threads, sum(parameter.numel() for parameter in parameters))
        ctx.kernel(
            "conv_backward", ctx.sizes, places, _places(grad_y), threads,
            pointer(x), pointer(weight), pointer(slope), pointer(pre), pointer(grad_y), pointer(grad_x),
            pointer(partial),
        )  # fmt: skip
        parts = (*gradient_parts(partial, parameters), None)[:3]
        return grad_x, *parts, None, None


def frequency_conv(
    x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int, slope: Tensor | None = None
) -> Tensor:
    """``conv2d`` with a kernel of one frame, and ``prelu``: ``[B, C, T, F] -> [B, C', T, F']``.

    Args:
        x: with any strides; fastest with the channels of a bin side by side, as the result has them.
        weight: ``[C', C, 1, K]``.
        bias: ``[C']``.
        stride: along frequency, in bins.
        padding: zeros on both sides, in bins.
        slope: ``[C']``, of the PReLU behind the convolution; None for none.

    Raises:
        BuildError: there is no compiler; ask `calls.serves` first.
    """
    return _FrequencyConv.apply(x, weight, bias, slope, stride, padding)

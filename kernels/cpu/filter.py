"""The complex filter of each bin, its gains bounded, as one compiled CPU kernel (``train/filter.cpp``).

Plain torch goes through the filters of all frames dozens of times for these few products. The torch
composition in ``models.codecs.band`` does the same, slower, where the kernel can't serve.
"""

import ctypes
from typing import Any

import torch
from torch import Tensor

from .calls import kernel, pointer


class _DeepFilter(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, spectrum: Tensor, filters: Tensor, limit: float) -> Tensor:
        spectrum, filters = spectrum.contiguous(), filters.contiguous()
        batch, frames, bins, taps, _ = filters.shape
        ctx.kernel = chosen = kernel("filter", filters)
        ctx.sizes = (ctypes.c_int * 4)(batch, frames, bins, taps), chosen.real(limit)
        ctx.save_for_backward(spectrum, filters)
        out = spectrum.new_empty(batch, 2, frames, bins)
        chosen(
            "filter_forward", *ctx.sizes, torch.get_num_threads(),
            pointer(spectrum), pointer(filters), pointer(out),
        )  # fmt: skip
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        spectrum, filters = ctx.saved_tensors
        grad_out, grad_filters = grads[0].contiguous(), torch.empty_like(filters)
        ctx.kernel(
            "filter_backward", *ctx.sizes, torch.get_num_threads(),
            pointer(spectrum), pointer(filters), pointer(grad_out), pointer(grad_filters),
        )  # fmt: skip
        return None, grad_filters, None


def deep_filter(spectrum: Tensor, filters: Tensor, limit: float) -> Tensor:
    """``Y[t, f] = sum_k H[k, t, f] X[t - k, f]`` (complex), with ``H = h / sqrt(1 + |h|^2 / limit^2)``.

    Args:
        spectrum: X, ``[B, 2, K - 1 + T, F]``, from the past that the first frame needs on; without gradient.
        filters: h, ``[B, T, F, K, 2]``.
        limit: what no gain reaches.

    Returns:
        Y, ``[B, 2, T, F]``.

    Raises:
        BuildError: there is no compiler; ask `calls.serves` first.
    """
    return _DeepFilter.apply(spectrum, filters, limit)

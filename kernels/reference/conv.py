"""Causal depthwise convolution over time: whole sequences and single steps."""

import torch
import torch.nn.functional as F
from torch import Tensor


def causal_conv1d(x: Tensor, weight: Tensor, bias: Tensor | None, context: Tensor) -> tuple[Tensor, Tensor]:
    """Depthwise convolution that sees the present and the ``K - 1`` samples before it.

    ``y[t] = bias + sum_k weight[k] * x[t - (K - 1) + k]`` (Gu & Dao 2023, the short convolution of
    section 3.4).

    Args:
        x: ``[R, L, D]``.
        weight: ``[D, K]``, the tap for the present last.
        bias: ``[D]`` or None.
        context: ``[R, K - 1, D]``, what came before ``x``.

    Returns:
        ``y [R, L, D]`` and the next context ``[R, K - 1, D]``.
    """
    length, taps = x.shape[1], weight.shape[1]
    joined = torch.cat([context, x], dim=1)
    y = joined[:, :length] * weight[:, 0]
    for k in range(1, taps):
        y = y + joined[:, k : k + length] * weight[:, k]
    if bias is not None:
        y = y + bias
    return y, joined[:, length:]


def causal_conv1d_step(
    x: Tensor, weight: Tensor, bias: Tensor | None, context: Tensor
) -> tuple[Tensor, Tensor]:
    """One step of `causal_conv1d`: ``x [R, D]``, context ``[R, K - 1, D]`` -> ``y [R, D]``, next context."""
    window = torch.cat([context, x.unsqueeze(1)], dim=1)
    y = (window * weight.t()).sum(dim=1)
    if bias is not None:
        y = y + bias
    return y, window[:, 1:]


def symmetric_conv1d(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Depthwise convolution centred on each position, for an axis without an arrow (frequency).

    Args:
        x: ``[R, L, D]``.
        weight: ``[D, K]`` with odd ``K``.
        bias: ``[D]`` or None.

    Returns:
        ``y [R, L, D]`` with ``y[l] = bias + sum_k weight[k] * x[l - K // 2 + k]``, zeros outside.
    """
    length, taps = x.shape[1], weight.shape[1]
    padded = F.pad(x, (0, 0, taps // 2, taps // 2))
    y = padded[:, :length] * weight[:, 0]
    for k in range(1, taps):
        y = y + padded[:, k : k + length] * weight[:, k]
    return y if bias is None else y + bias

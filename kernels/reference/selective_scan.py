"""The selective scan of Mamba-1: sequences and single steps.

The recurrence for each row and channel (Gu & Dao 2023, "Mamba", equation 2, discretised by zero-order hold
for A and Euler's rule for B)::

    h[t] = exp(delta[t] A) * h[t-1] + delta[t] u[t] B[t]      h: [N], A: [N]
    y[t] = <h[t], C[t]> + D u[t]

Shapes used throughout: rows ``R``, length ``L``, channels ``D``, state size ``N``. ``delta`` is positive
(after softplus), ``A`` negative. Both functions are pure and differentiable.
"""

import torch
from torch import Tensor

#: Numbers in one temporary of `selective_scan`: 1 MiB of float32, which a core's cache holds.
CHUNK_NUMBERS = 2**18


def selective_scan_step(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, h: Tensor
) -> tuple[Tensor, Tensor]:
    """One step.

    Args:
        u, delta: ``[R, D]``.
        A: ``[D, N]``.
        B, C: ``[R, N]``.
        D: ``[D]``, the weight of the skip, or None.
        h: ``[R, D, N]``.

    Returns:
        ``y [R, D]`` and the next state ``[R, D, N]``.
    """
    h = torch.exp(delta[..., None] * A) * h + (delta * u)[..., None] * B[:, None, :]
    y = (h @ C[..., None]).squeeze(-1)
    return (y if D is None else y + D * u), h


def selective_scan(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, h0: Tensor
) -> tuple[Tensor, Tensor]:
    """Whole sequences: only the recurrence runs position by position, the rest in chunks that fit the cache.

    Args:
        u, delta: ``[R, L, D]``.
        A: ``[D, N]``.
        B, C: ``[R, L, N]``.
        D: ``[D]``, the weight of the skip, or None.
        h0: ``[R, D, N]``, the state before the first position.

    Returns:
        ``y [R, L, D]`` and the state after the last position, ``[R, D, N]``.
    """
    chunk = max(1, CHUNK_NUMBERS // h0.numel())
    h, outputs = h0, []
    pieces = ((delta * u).split(chunk, 1), delta.split(chunk, 1), B.split(chunk, 1), C.split(chunk, 1))
    for weighted, dt, b, c in zip(*pieces, strict=True):
        decays = torch.exp(dt[..., None] * A).unbind(1)
        inputs = (weighted[..., None] * b[:, :, None, :]).unbind(1)
        states = []
        for decay, added in zip(decays, inputs, strict=True):
            h = torch.addcmul(added, decay, h)
            states.append(h)
        outputs.append((torch.stack(states, dim=1) @ c[..., None]).squeeze(-1))
    y = torch.cat(outputs, dim=1)
    return (y if D is None else y + D * u), h

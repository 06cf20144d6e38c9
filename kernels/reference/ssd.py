"""State-space duality (Mamba-2): one recurrence, and ways to compute it.

The recurrence (Dao & Gu 2024, "Transformers are SSMs", equation 1 with scalar decay a head)::

    h[t] = exp(dt[t] A) h[t-1] + dt[t] x[t] B[t]^T        h: [P, N]
    y[t] = h[t] C[t] + D x[t]

Shapes used throughout: rows ``R``, length ``L``, heads ``H``, head size ``P``, state size ``N``.
``x [R, L, H, P]``, ``dt [R, L, H]`` (positive, after softplus), ``A [H]`` (negative), ``B, C [R, L, N]``
(shared by the heads), ``D [H]``, state ``h [R, H, P, N]``. All functions are pure and differentiable.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

#: Frames of one chunk of `ssd_chunked`: long enough for matmuls, short enough for the L1 cache.
CHUNK = 32


def ssd_step(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, h: Tensor
) -> tuple[Tensor, Tensor]:
    """One step: ``x [R, H, P]``, ``dt [R, H]``, ``B, C [R, N]``, ``h`` -> ``y [R, H, P]``, next ``h``."""
    # Heads side by side, so that each row is one outer product and one matrix-vector product.
    added = (x * dt[..., None]).flatten(1)[:, :, None] @ B[:, None, :]  # [R, H * P, N]
    kept = h.flatten(2) * torch.exp(dt * A)[..., None]  # [R, H, P * N]
    h = (kept + added.view_as(kept)).view_as(h)
    y = (h.flatten(1, 2) @ C[:, :, None]).view_as(x) + x * D[:, None]
    return y, h


def _causal_decay(log_decay: Tensor) -> Tensor:
    """``exp(sum of log_decay over (j, i])`` for ``j <= i``, else 0: ``[..., L] -> [..., L, L]``."""
    total = log_decay.cumsum(-1)
    length = log_decay.shape[-1]
    future = torch.ones(length, length, dtype=torch.bool, device=log_decay.device).triu(1)
    span = total[..., :, None] - total[..., None, :]
    return torch.exp(span.masked_fill(future, float("-inf")))


def ssd_chunked(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, h: Tensor
) -> tuple[Tensor, Tensor]:
    """Whole sequences: quadratic inside a chunk, recurrent between chunks (Dao & Gu 2024, section 6).

    Returns:
        ``y [R, L, H, P]`` and the state after the last frame.
    """
    rows, length, heads, size = x.shape
    chunk = min(CHUNK, length)
    padding = -length % chunk
    # Frames of padding have dt = 0: they neither decay the state nor add to it.
    xdt = F.pad(x * dt[..., None], (0, 0, 0, 0, 0, padding))
    log_decay = F.pad(dt * A, (0, 0, 0, padding))
    b, c = (F.pad(v, (0, 0, 0, padding)).reshape(rows, -1, 1, chunk, v.shape[-1]) for v in (B, C))
    chunks = xdt.shape[1] // chunk
    xdt = xdt.view(rows, chunks, chunk, heads, size).transpose(2, 3)  # [R, K, H, Q, P]
    log_decay = log_decay.view(rows, chunks, chunk, heads).transpose(2, 3)  # [R, K, H, Q]

    within = ((c @ b.transpose(-1, -2)) * _causal_decay(log_decay)) @ xdt
    total = log_decay.cumsum(-1)
    to_end = torch.exp(total[..., -1:] - total)
    added = (xdt * to_end[..., None]).transpose(-1, -2) @ b  # [R, K, H, P, N]
    kept = torch.exp(total[..., -1])[..., None, None]
    before = []
    for k in range(chunks):
        before.append(h)
        h = h * kept[:, k] + added[:, k]
    carried = (c * torch.exp(total)[..., None]) @ torch.stack(before, dim=1).transpose(-1, -2)
    y = (within + carried).transpose(2, 3).reshape(rows, -1, heads, size)[:, :length]
    return y + x * D[:, None], h


def ssd_two_sided(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """Both directions of a short axis as one masked matmul a head; each position counts itself once.

    Equals the forward scan plus the flipped scan of the flipped sequence, with shared parameters, minus the
    diagonal they share (the quasi-separable mixer of Hwang et al. 2024, "Hydra", section 3). ``-> y``.
    """
    log_decay = (dt * A).transpose(1, 2)  # [R, H, L]
    after = log_decay.cumsum(-1)
    before = after - log_decay
    # The one of both that spans the positions between the two is negative, the other positive.
    span = torch.minimum(
        after[..., :, None] - after[..., None, :], before[..., None, :] - before[..., :, None]
    )
    scores = (C @ B.transpose(-1, -2))[:, None] * torch.exp(span)
    y = scores @ (x * dt[..., None]).transpose(1, 2)
    return y.transpose(1, 2) + x * D[:, None]


def ssd_two_sided_long(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """`ssd_two_sided` for long sequences: two chunked scans, memory linear in ``L``."""
    h = x.new_zeros(x.shape[0], x.shape[2], x.shape[3], B.shape[-1])
    forward, _ = ssd_chunked(x, dt, A, B, C, D, h)
    flipped = (v.flip(1) for v in (x, dt, B, C))
    xf, dtf, bf, cf = flipped
    backward, _ = ssd_chunked(xf, dtf, A, bf, cf, torch.zeros_like(D), h)
    diagonal = (B * C).sum(-1)[..., None, None] * x * dt[..., None]
    return forward + backward.flip(1) - diagonal

"""The recurrence of state-space duality itself, step after step: the oracle of its other forms."""

import torch
from torch import Tensor

from lipstream.kernels.reference.ssd import ssd_step


def ssd_sequential(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, h: Tensor
) -> tuple[Tensor, Tensor]:
    """Shapes as in `kernels.reference.ssd`; -> ``y [R, L, H, P]`` and the last state."""
    outputs = []
    for t in range(x.shape[1]):
        y, h = ssd_step(x[:, t], dt[:, t], A, B[:, t], C[:, t], D, h)
        outputs.append(y)
    return torch.stack(outputs, dim=1), h

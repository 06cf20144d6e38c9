"""The Mamba-1 mixer over rows: causal, with carried state."""

import math

import torch
from torch import Tensor, nn

from ...kernels.dispatch import FusedOps, fused_ops
from ...kernels.reference import fused
from ..state import MixerState

#: Range of the time steps that `dt_proj.bias` starts from (Gu & Dao 2023, section 3.6).
DT_MIN, DT_MAX, DT_FLOOR = 1e-3, 0.1, 1e-4


class Mamba1Mixer(nn.Module):
    """Mamba-1 (Gu & Dao 2023, figure 3) over the last-but-one axis of rows ``[R, L, C]``.

    Parameters are named, shaped and initialised as in mamba-ssm's ``Mamba``, so its weights load unchanged.
    The inner width is ``D = expand * C``, the rank of the time step ``ceil(C / 16)``.
    """

    def __init__(self, channels: int, d_state: int = 16, d_conv: int = 4, expand: int = 4) -> None:
        super().__init__()
        self.inner = expand * channels
        self.d_state, self.d_conv = d_state, d_conv
        self.dt_rank = math.ceil(channels / 16)
        self.in_proj = nn.Linear(channels, 2 * self.inner, bias=False)
        self.conv1d = nn.Conv1d(self.inner, self.inner, d_conv, groups=self.inner)
        self.x_proj = nn.Linear(self.inner, self.dt_rank + 2 * d_state, bias=False)
        self.dt_proj = nn.Linear(self.dt_rank, self.inner)
        self.A_log = nn.Parameter(torch.log(torch.arange(1.0, d_state + 1)).repeat(self.inner, 1))
        self.D = nn.Parameter(torch.ones(self.inner))
        self.out_proj = nn.Linear(self.inner, channels, bias=False)
        self._init_dt_proj()

    def _init_dt_proj(self) -> None:
        """Keep the variance of dt, and start from time steps spread evenly on a logarithmic scale."""
        bound = self.dt_rank**-0.5
        nn.init.uniform_(self.dt_proj.weight, -bound, bound)
        spread = torch.rand(self.inner) * (math.log(DT_MAX) - math.log(DT_MIN)) + math.log(DT_MIN)
        dt = torch.exp(spread).clamp(min=DT_FLOOR)
        with torch.no_grad():
            self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))  # softplus(bias) = dt

    def init_state(
        self, rows: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> MixerState:
        """Zeros: conv ``[R, K - 1, D]`` and ssm ``[R, D, N]``."""
        return MixerState(
            conv=torch.zeros(rows, self.d_conv - 1, self.inner, device=device, dtype=dtype),
            ssm=torch.zeros(rows, self.inner, self.d_state, device=device, dtype=dtype),
        )

    def step(self, x: Tensor, state: MixerState) -> tuple[Tensor, MixerState]:
        """One frame ``[R, C] -> [R, C]``."""
        ops, weights, projected = self._ops(x), self._weights(), self.in_proj(x)
        u, conv = ops.mamba1_conv_step(projected, weights, state.conv)
        y, ssm = ops.mamba1_step(projected, u, self.x_proj(u), weights, state.ssm)
        return self.out_proj(y), MixerState(conv, ssm)

    def forward(self, x: Tensor, state: MixerState | None = None) -> tuple[Tensor, MixerState]:
        """A chunk ``[R, L, C] -> [R, L, C]`` of any length."""
        # A scan that is given no state knows that it starts from zero and may use a faster kernel.
        before = self.init_state(x.shape[0], x.device, x.dtype) if state is None else state
        weights, projected = self._weights(), self.in_proj(x)
        u, conv = fused.mamba1_conv(projected, weights, before.conv)
        h = None if state is None else state.ssm
        y, ssm = fused.mamba1_sequence(projected, u, self.x_proj(u), weights, h)
        return self.out_proj(y), MixerState(conv, ssm)

    def _ops(self, x: Tensor) -> FusedOps:
        return fused_ops(x, self.inner * self.d_state)

    def _weights(self) -> fused.Mamba1Weights:
        assert self.conv1d.bias is not None
        taps = self.conv1d.weight.squeeze(1)
        return fused.Mamba1Weights(
            taps, self.conv1d.bias, self.dt_proj.weight, self.dt_proj.bias, self.A_log, self.D
        )


def both_directions(ahead: Mamba1Mixer, back: Mamba1Mixer, x: fused.Pair) -> fused.Pair:
    """Whole rows through two mixers of the same sizes, the second from the last position to the first.

    Args:
        ahead, back: the mixers.
        x: what each of them hears, ``[R, L, C]``, both in the order of the row.

    Returns:
        Their outputs, ``[R, L, C]`` in the order of the row.
    """
    ops, weights = ahead._ops(x[0]), (ahead._weights(), back._weights())
    projected = ahead.in_proj(x[0]), back.in_proj(x[1])
    u = ops.mamba1_conv_both(projected, weights)
    selected = ahead.x_proj(u[0]), back.x_proj(u[1])
    y = ops.mamba1_both(projected, u, selected, weights)
    return ahead.out_proj(y[0]), back.out_proj(y[1])

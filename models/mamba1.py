"""The Mamba-1 mixer over rows: causal, with carried state."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..kernels.conv import causal_conv1d, causal_conv1d_step
from ..kernels.selective_scan import selective_scan, selective_scan_step
from .mixer_state import MixerState

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
        u, z = self.in_proj(x).chunk(2, dim=-1)
        u, conv = causal_conv1d_step(u, self._taps(), self.conv1d.bias, state.conv)
        u = F.silu(u)
        y, ssm = selective_scan_step(u, *self._selection(u), self.D, state.ssm)
        return self.out_proj(y * F.silu(z)), MixerState(conv, ssm)

    def forward(self, x: Tensor, state: MixerState | None = None) -> tuple[Tensor, MixerState]:
        """A chunk ``[R, L, C] -> [R, L, C]`` of any length."""
        if state is None:
            state = self.init_state(x.shape[0], x.device, x.dtype)
        u, z = self.in_proj(x).chunk(2, dim=-1)
        u, conv = causal_conv1d(u, self._taps(), self.conv1d.bias, state.conv)
        u = F.silu(u)
        y, ssm = selective_scan(u, *self._selection(u), self.D, state.ssm)
        return self.out_proj(y * F.silu(z)), MixerState(conv, ssm)

    def _selection(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """``u [..., D]`` -> the scan it selects: delta ``[..., D]``, A ``[D, N]``, B and C ``[..., N]``."""
        dt, b, c = self.x_proj(u).split([self.dt_rank, self.d_state, self.d_state], dim=-1)
        return F.softplus(self.dt_proj(dt)), -torch.exp(self.A_log), b, c

    def _taps(self) -> Tensor:
        return self.conv1d.weight.squeeze(1)

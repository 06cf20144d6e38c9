"""Mamba-2 mixers over rows: causal with carried state, and two-sided for an axis without an arrow."""

import math

import torch
from torch import Tensor, nn

from ...kernels.cpu import calls as cpu_calls
from ...kernels.cpu import mixer as cpu_mixer
from ...kernels.dispatch import FusedOps, fused_ops
from ...kernels.reference import fused
from ..state import MixerState

#: Longest axis that the two-sided mixer treats as one dense matrix a head.
QUADRATIC_LENGTH = 256

#: Of every RMS norm (Zhang & Sennrich 2019), as in mamba-ssm.
RMS_EPS = 1e-5


class _Mamba2Base(nn.Module):
    """The parameters both mixers share, named and laid out as in mamba-ssm's ``Mamba2`` with one group."""

    two_sided: bool

    def __init__(self, channels: int, d_state: int, d_conv: int, expand: int, head_size: int) -> None:
        super().__init__()
        self.inner = expand * channels
        self.d_state, self.d_conv, self.head_size = d_state, d_conv, head_size
        if self.inner % head_size:
            raise ValueError(
                f"head_size {head_size} must divide expand * channels = {self.inner}: choose another"
            )
        self.heads = self.inner // head_size
        mixed = self.inner + 2 * d_state
        self.in_proj = nn.Linear(channels, self.inner + mixed + self.heads, bias=False)
        self.conv1d = nn.Conv1d(mixed, mixed, d_conv, groups=mixed)
        dt = torch.exp(torch.rand(self.heads) * (math.log(0.1) - math.log(0.001)) + math.log(0.001))
        self.dt_bias = nn.Parameter(dt + torch.log(-torch.expm1(-dt)))  # softplus(dt_bias) = dt
        self.A_log = nn.Parameter(torch.log(torch.empty(self.heads).uniform_(1, 16)))
        self.D = nn.Parameter(torch.ones(self.heads))
        self.norm = nn.RMSNorm(self.inner, eps=RMS_EPS)
        self.out_proj = nn.Linear(self.inner, channels, bias=False)

    def compiled(self, x: Tensor, norm: nn.RMSNorm) -> tuple[Tensor, MixerState | None] | None:
        """``x + self(norm(x))`` and the state after it from the compiled kernel, in training.

        Args:
            x: rows ``[R1, R2, L, C]``, from a zero state; rows ``[R, L, C]`` are left to torch.
            norm: with the epsilon `RMS_EPS`.

        Returns:
            None where the kernel can't serve; the state is None for a mixer without one.
        """
        if not (torch.is_grad_enabled() and x.dim() == 4 and cpu_calls.serves(x)):
            return None
        assert self.conv1d.bias is not None
        weights = cpu_mixer.MixerWeights(
            norm.weight,
            self.in_proj.weight,
            self.conv1d.weight.squeeze(1),
            self.conv1d.bias,
            self.dt_bias,
            -torch.exp(self.A_log),
            self.D,
            self.norm.weight,
            self.out_proj.weight,
        )
        y, carried = cpu_mixer.residual_mixer(x, weights, self.two_sided, RMS_EPS)
        if carried is None:
            return y, None
        ssm = carried.ssm.flatten(0, 1).unflatten(1, (self.heads, self.head_size))
        return y, MixerState(carried.conv.flatten(0, 1), ssm)

    def _ops(self, x: Tensor) -> FusedOps:
        return fused_ops(x, self.inner * self.d_state)

    def _weights(self) -> fused.Mamba2Weights:
        assert self.conv1d.bias is not None
        taps, bias, norm = self.conv1d.weight.squeeze(1), self.conv1d.bias, self.norm.weight
        return fused.Mamba2Weights(taps, bias, self.dt_bias, self.A_log, self.D, norm, RMS_EPS)


class Mamba2Mixer(_Mamba2Base):
    """Causal Mamba-2 (Dao & Gu 2024) over the last-but-one axis of rows ``[R, L, C]``."""

    two_sided = False

    def __init__(
        self, channels: int, d_state: int = 16, d_conv: int = 4, expand: int = 2, head_size: int = 16
    ) -> None:
        super().__init__(channels, d_state, d_conv, expand, head_size)

    def init_state(
        self, rows: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> MixerState:
        """Zeros: conv ``[R, K - 1, E + 2N]`` and ssm ``[R, H, P, N]``."""
        return MixerState(
            conv=torch.zeros(
                rows, self.d_conv - 1, self.inner + 2 * self.d_state, device=device, dtype=dtype
            ),
            ssm=torch.zeros(rows, self.heads, self.head_size, self.d_state, device=device, dtype=dtype),
        )

    def step(self, x: Tensor, state: MixerState) -> tuple[Tensor, MixerState]:
        """One frame ``[R, C] -> [R, C]``."""
        ops = self._ops(x)
        y, conv, ssm = ops.mamba2_step(self.in_proj(x), self._weights(), state.conv, state.ssm)
        return self.out_proj(y), MixerState(conv, ssm)

    def forward(self, x: Tensor, state: MixerState | None = None) -> tuple[Tensor, MixerState]:
        """A chunk ``[R, L, C] -> [R, L, C]`` of any length."""
        if state is None:
            state = self.init_state(x.shape[0], x.device, x.dtype)
        y, conv, ssm = fused.mamba2_sequence(self.in_proj(x), self._weights(), state.conv, state.ssm)
        return self.out_proj(y), MixerState(conv, ssm)


class TwoSidedMamba2Mixer(_Mamba2Base):
    """Mamba-2 in both directions at once, ``[R, L, C] -> [R, L, C]``, with shared projections.

    Half the cost of two mixers: the projections run once and the two scans are one matrix a head
    (Hwang et al. 2024, "Hydra"). The short convolution is centred, so its width must be odd.
    """

    two_sided = True

    def __init__(
        self, channels: int, d_state: int = 16, d_conv: int = 3, expand: int = 2, head_size: int = 16
    ) -> None:
        if d_conv % 2 == 0:
            raise ValueError(f"a two-sided mixer needs an odd d_conv, got {d_conv}: use {d_conv + 1}")
        super().__init__(channels, d_state, d_conv, expand, head_size)

    def forward(self, x: Tensor) -> Tensor:
        """Whole rows ``[R, L, C] -> [R, L, C]``."""
        short = x.shape[1] <= QUADRATIC_LENGTH
        both = self._ops(x).mamba2_both if short else fused.mamba2_both_long
        return self.out_proj(both(self.in_proj(x), self._weights()))

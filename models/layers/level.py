"""Causal input level: the network always hears speech at about the same loudness."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..config import LEVEL_FLOOR_DBFS, LEVEL_TIME_CONSTANT_S

#: Frames computed at once by `decaying_sum`: the matrix of decays stays small.
_CHUNK = 256


def decaying_sum(x: Tensor, decay: float, state: Tensor) -> tuple[Tensor, Tensor]:
    """``y[t] = decay * y[t-1] + x[t]`` along the last axis, in chunks of one small matmul each.

    Args:
        x: ``[B, T]``.
        decay: in (0, 1).
        state: ``[B]``, ``y`` before the first frame.

    Returns:
        ``y [B, T]`` and its last column.
    """
    outputs = []
    for chunk in x.split(_CHUNK, dim=1):
        n = torch.arange(chunk.shape[1], device=x.device, dtype=x.dtype)
        weights = torch.where(n[:, None] >= n[None, :], decay ** (n[:, None] - n[None, :]).clamp(min=0), 0.0)
        y = chunk @ weights.t() + state[:, None] * decay ** (n + 1)
        outputs.append(y)
        state = y[:, -1]
    return torch.cat(outputs, dim=1), state


class LevelState(NamedTuple):
    """Decaying sums of the power of the frames and of the number of frames, ``[B]`` each."""

    power: Tensor
    frames: Tensor


class InputLevel(nn.Module):
    """The gain that brings the running level of a spectrum to unit power; no parameters.

    The level is the mean power of the frames so far, older frames fading with ``time_constant_s``. It
    replaces the utterance RMS of SEMamba, which looks into the future.
    """

    def __init__(
        self,
        frames_per_second: float,
        time_constant_s: float = LEVEL_TIME_CONSTANT_S,
        floor_dbfs: float = LEVEL_FLOOR_DBFS,
    ) -> None:
        super().__init__()
        self.decay = math.exp(-1.0 / (frames_per_second * time_constant_s))
        self.floor = 10.0 ** (floor_dbfs / 10.0)

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> LevelState:
        """No frame heard yet."""
        power, frames = torch.zeros(2, batch, device=device, dtype=dtype)
        return LevelState(power, frames)

    def step(self, spectrum: Tensor, state: LevelState) -> tuple[Tensor, LevelState]:
        """``[B, 2, F]`` -> gain ``[B]``."""
        power = self.decay * state.power + spectrum.square().sum(1).mean(-1)
        frames = self.decay * state.frames + 1.0
        return torch.rsqrt(power / frames + self.floor), LevelState(power, frames)

    def forward(self, spectrum: Tensor, state: LevelState | None = None) -> tuple[Tensor, LevelState]:
        """``[B, 2, T, F]`` -> gain ``[B, T]``."""
        if state is None:
            state = self.init_state(spectrum.shape[0], spectrum.device, spectrum.dtype)
        frame_power = spectrum.square().sum(1).mean(-1)
        power, last_power = decaying_sum(frame_power, self.decay, state.power)
        frames, last_frames = decaying_sum(torch.ones_like(frame_power), self.decay, state.frames)
        return torch.rsqrt(power / frames + self.floor), LevelState(last_power, last_frames)

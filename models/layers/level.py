"""Causal input level: the network always hears speech at about the same loudness."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import LEVEL_FALL_DB_S, LEVEL_FLOOR_DBFS, LEVEL_TIME_CONSTANT_S, level_hold_frames
from ..state import join_context

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


def falling_peak(x: Tensor, fall: float, state: Tensor) -> tuple[Tensor, Tensor]:
    """``y[t] = max(x[t], fall * y[t-1])`` along the last axis.

    Args:
        x: ``[B, T]``, not negative.
        fall: in (0, 1).
        state: ``[B]``, ``y`` before the first frame.

    Returns:
        ``y [B, T]`` and its last column.
    """
    outputs = []
    for frame in x.unbind(1):
        state = torch.maximum(frame, fall * state)
        outputs.append(state)
    return torch.stack(outputs, dim=1), state


class LevelState(NamedTuple):
    """What the level follows from.

    Attributes:
        power: decaying sum of the powers of the frames, ``[B]``.
        frames: the same of their number, ``[B]``.
        recent: powers of the last frames, ``[B, H - 1]``.
        peak: that bounds the level, ``[B]``.
    """

    power: Tensor
    frames: Tensor
    recent: Tensor
    peak: Tensor


class InputLevel(nn.Module):
    """The gain that brings the running level of a spectrum to unit power; no parameters.

    The level is the mean power ``P`` of the frames so far, older frames fading with ``time_constant_s``, but
    never more than their peak, which is held for H frames and then falls by ``fall_db_s``::

        mean[t]  = sum_k d^k P[t - k] / sum_k d^k,        d = exp(-1 / (frames_per_second time_constant_s))
        peak[t]  = max(P[t - H + 1], ..., P[t], r peak[t - 1]),  r = 10^(-fall_db_s / (10 frames_per_second))
        level[t] = min(mean[t], peak[t])

    The mean replaces the utterance RMS of SEMamba, which looks into the future. In speech it lies some 7 dB
    below the peak and is the level, pauses of words included. After something much louder, such as a ringtone
    or a click, the mean would stay too high for many times its time constant; there the peak takes over. It
    falls, rather than drop, so that the noise of a pause does not sound like an onset.
    """

    def __init__(
        self,
        frames_per_second: float,
        time_constant_s: float = LEVEL_TIME_CONSTANT_S,
        floor_dbfs: float = LEVEL_FLOOR_DBFS,
        fall_db_s: float = LEVEL_FALL_DB_S,
    ) -> None:
        super().__init__()
        self.decay = math.exp(-1.0 / (frames_per_second * time_constant_s))
        self.floor = 10.0 ** (floor_dbfs / 10.0)
        self.held = level_hold_frames(frames_per_second)
        self.fall = 10.0 ** (-fall_db_s / (10.0 * frames_per_second))

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> LevelState:
        """No frame heard yet."""
        power, frames, peak = torch.zeros(3, batch, device=device, dtype=dtype)
        recent = torch.zeros(batch, self.held - 1, device=device, dtype=dtype)
        return LevelState(power, frames, recent, peak)

    def step(self, spectrum: Tensor, state: LevelState) -> tuple[Tensor, LevelState]:
        """``[B, 2, F]`` -> gain ``[B]``."""
        now = spectrum.square().sum(1).mean(-1)
        power = self.decay * state.power + now
        frames = self.decay * state.frames + 1.0
        joined, recent = join_context(state.recent, now.unsqueeze(1), dim=1)
        peak = torch.maximum(joined.amax(1), self.fall * state.peak)
        level = torch.minimum(power / frames, peak)
        return torch.rsqrt(level + self.floor), LevelState(power, frames, recent, peak)

    def forward(self, spectrum: Tensor, state: LevelState | None = None) -> tuple[Tensor, LevelState]:
        """``[B, 2, T, F]`` -> gain ``[B, T]``."""
        if state is None:
            state = self.init_state(spectrum.shape[0], spectrum.device, spectrum.dtype)
        frame_power = spectrum.square().sum(1).mean(-1)
        power, last_power = decaying_sum(frame_power, self.decay, state.power)
        frames, last_frames = decaying_sum(torch.ones_like(frame_power), self.decay, state.frames)
        joined, recent = join_context(state.recent, frame_power, dim=1)
        peak, last_peak = falling_peak(F.max_pool1d(joined, self.held, stride=1), self.fall, state.peak)
        level = torch.minimum(power / frames, peak)
        return torch.rsqrt(level + self.floor), LevelState(last_power, last_frames, recent, last_peak)

"""Visual encoder C: face landmarks to a cue of how loud the speaker's own voice is, band by band.

Encoders A and B see pixels, in which a handful of faces is learnt by heart. This one sees how the lips move
about the nose, which carries over to strangers: first the geometry of the face, free of place, size and tilt
(`LandmarkGeometry`, nothing learnt), then a small network, causal in time (`LandmarkVisualEncoder`).

It ticks 25 times a second, whatever the camera does: each tick sees the newest landmarks and their age. A
camera of 10 frames a second shows some landmarks twice, one of 60 skips some, a dropped frame or a lost face
ages.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import CUE_SIZE, LandmarkConfig
from ..state import join_context
from .fusion import freshness
from .points import FORGET_S, POINTS, TICK_S

_NOSE, _LEFT_EYE, _RIGHT_EYE = (POINTS.index(point) for point in (1, 33, 263))
#: Points that move against the nose: lips and chin.
_MOVING = 41
#: Distances between the inner lips, which are 0 for anybody whose mouth is closed.
_UPPER = tuple(POINTS.index(point) for point in (81, 13, 311))
_LOWER = tuple(POINTS.index(point) for point in (178, 14, 402))

#: Levels in a cue: of the four bands, then of all together.
LEVELS = CUE_SIZE // 2
#: A cue counts in units of so many dB.
CUE_UNIT_DB = 10.0

#: Time constant over which the movement of the face is averaged.
_ACTIVITY_S = 1.0
#: Eye distance in pixels below which there is no face: landmarks of zeros say so.
_LEAST_EYE_DISTANCE = 1.0
#: Captures nearer than this are one video frame.
_SAME_S = 1e-3
_LEAST_LOG_VARIANCE, _MOST_LOG_VARIANCE = -4.0, 2.0


class GeometryState(NamedTuple):
    """What `LandmarkGeometry` remembers.

    Attributes:
        shape: of the newest face, ``[B, 82]``.
        velocity: its change to the one before in a tick's time, ``[B, 82]``.
        mean: of the shapes of the last seconds, ``[B, 82]``.
        seen: ticks that the mean is over, at most `LandmarkConfig.memory_ticks`, ``[B, 1]``.
        activity: mean square of the velocity over the last second, ``[B, 1]``.
        since_s: seconds since the newest face was captured, ``[B, 1]``; means nothing while ``seen`` is 0.
    """

    shape: Tensor
    velocity: Tensor
    mean: Tensor
    seen: Tensor
    activity: Tensor
    since_s: Tensor


class LandmarkGeometry(nn.Module):
    """Landmarks to what moves in a face: relative to the nose, turned level, in distances of the eyes.

    Of each tick come the shape less its running mean, its change in 40 ms by the time between captures,
    three openings of the mouth, and four numbers about itself: age, how long the mean has run, how much moved
    in the last second, freshness. Nothing is learnt. The running mean begins as a plain mean and then fades.

    Args:
        memory_ticks: ticks that the running mean looks back.
    """

    features = 4 * _MOVING + len(_UPPER) + 4

    def __init__(self, memory_ticks: int) -> None:
        super().__init__()
        self.memory_ticks = memory_ticks

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> GeometryState:
        """No face was seen yet."""
        widths = (2 * _MOVING, 2 * _MOVING, 2 * _MOVING, 1, 1, 1)
        return GeometryState(*(torch.zeros(batch, width, device=device, dtype=dtype) for width in widths))

    def step(
        self, landmarks: Tensor, age_s: Tensor, state: GeometryState
    ) -> tuple[Tensor, Tensor, GeometryState]:
        """One tick.

        Args:
            landmarks: ``[B, 44, 3]``, the newest ones, see `points.POINTS`; zeros where no face was found.
            age_s: ``[B]``, seconds since they were captured.
            state: of the tick before.

        Returns:
            features ``[B, 171]``, freshness in [0, 1] ``[B, 1]``, the next state.
        """
        shape, openings, face = _level(landmarks)
        age_s = age_s.unsqueeze(-1)
        known = state.seen > 0
        since_s = state.since_s + TICK_S
        elapsed_s = since_s - age_s
        new = face & (~known | (elapsed_s > _SAME_S))
        first = ~known | (elapsed_s > FORGET_S)
        ticks = torch.where(first, 1.0, (elapsed_s / TICK_S).clamp(min=0.25))
        seen = torch.where(first, 1.0, (state.seen + ticks).clamp(max=float(self.memory_ticks)))
        mean = torch.where(first, shape, state.mean + (ticks / seen).clamp(max=1.0) * (shape - state.mean))
        velocity = torch.where(first, torch.zeros_like(shape), (shape - state.shape) / ticks)
        fade = torch.exp(-ticks * (TICK_S / _ACTIVITY_S))
        power = velocity.square().mean(-1, keepdim=True)
        activity = torch.where(first, torch.zeros_like(power), power + fade * (state.activity - power))
        after = GeometryState(
            torch.where(new, shape, state.shape),
            torch.where(new, velocity, state.velocity),
            torch.where(new, mean, state.mean),
            torch.where(new, seen, state.seen),
            torch.where(new, activity, state.activity),
            torch.where(new, age_s, since_s),
        )
        fresh = freshness(after.since_s) * (after.seen > 0)
        about = (
            (after.since_s * 10.0).clamp(max=5.0),
            after.seen / self.memory_ticks,
            # 0.001 eye distances a tick are the landmarker's own trembling, 0.01 are speech.
            torch.log10(after.activity.sqrt() + 1e-4) + 3.0,
        )
        moved = (after.shape - after.mean, after.velocity, torch.where(face, openings, 0.0), *about)
        return torch.cat([torch.cat(moved, dim=-1) * fresh, fresh], dim=-1), fresh, after

    def forward(
        self, landmarks: Tensor, age_s: Tensor, state: GeometryState | None = None
    ) -> tuple[Tensor, Tensor, GeometryState]:
        """``[B, T, 44, 3]`` and ``[B, T]`` -> features ``[B, T, 171]``, freshness ``[B, T, 1]``, state."""
        if state is None:
            state = self.init_state(len(landmarks), landmarks.device, landmarks.dtype)
        features, fresh = [], []
        for points, age in zip(landmarks.unbind(1), age_s.unbind(1), strict=True):
            feature, freshness_now, state = self.step(points, age, state)
            features.append(feature)
            fresh.append(freshness_now)
        return torch.stack(features, dim=1), torch.stack(fresh, dim=1), state


def _level(landmarks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Shape ``[B, 82]``, openings ``[B, 3]`` and whether there is a face ``[B, 1]``, of ``[B, 44, 3]``."""
    eyes = landmarks[:, _RIGHT_EYE] - landmarks[:, _LEFT_EYE]
    # A head turned aside shows its eyes nearer to each other: the landmarker's depth makes up for it.
    size = eyes.square().sum(-1, keepdim=True).sqrt()
    face = size >= _LEAST_EYE_DISTANCE
    size = size.clamp(min=_LEAST_EYE_DISTANCE)
    level = eyes[:, :2] / eyes[:, :2].square().sum(-1, keepdim=True).sqrt().clamp(min=_LEAST_EYE_DISTANCE)
    cos, sin = level[:, :1], level[:, 1:]
    from_nose = landmarks[:, :_MOVING, :2] - landmarks[:, _NOSE : _NOSE + 1, :2]
    x, y = from_nose.unbind(-1)
    shape = torch.cat([x * cos + y * sin, y * cos - x * sin], dim=-1) / size
    # One by one: a list of them would be a tensor that a captured graph must not copy to its device.
    gaps = torch.stack(
        [landmarks[:, low] - landmarks[:, up] for low, up in zip(_LOWER, _UPPER, strict=True)], 1
    )
    return shape, gaps[..., :2].square().sum(-1).sqrt() / size, face


class LandmarkState(NamedTuple):
    """State of `LandmarkVisualEncoder`: of its geometry, and the inputs of its convolutions ``[B, K, 4]``."""

    geometry: GeometryState
    convolutions: tuple[Tensor, ...]


class LandmarkVisualEncoder(nn.Module):
    """Landmarks to a cue: level of the speaker's own voice in four bands and in all, and how sure that is.

    The cue counts in units of `CUE_UNIT_DB` and from the speaker's mean level over some seconds: five means,
    then five natural logarithms of variances. Several small networks side by side (``members``, as groups of
    one convolution) each give a Gaussian; the cue is mean and variance of their mixture, so that it is less
    sure where they disagree: B. Lakshminarayanan et al., "Simple and scalable predictive uncertainty
    estimation using deep ensembles", NeurIPS 2017. With stale or no landmarks the means are exactly 0 and the
    variances those of the levels themselves.

    Args:
        config: sizes.
    """

    scale: Tensor
    prior: Tensor

    def __init__(self, config: LandmarkConfig) -> None:
        super().__init__()
        self.config = config
        self.geometry = LandmarkGeometry(config.memory_ticks)
        width = config.members * config.channels
        self.register_buffer("scale", torch.ones(self.geometry.features))
        self.register_buffer("prior", torch.zeros(LEVELS))
        self.enter = nn.Conv1d(self.geometry.features, width, 1)
        self.layers = nn.ModuleList(
            nn.Conv1d(width, width, config.taps, groups=config.members) for _ in range(config.layers)
        )
        self.leave = nn.Conv1d(width, config.members * 2 * LEVELS, 1, groups=config.members)

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> LandmarkState:
        """No face was seen yet."""
        shape = (batch, self.config.members * self.config.channels, self.config.taps - 1)
        contexts = tuple(torch.zeros(shape, device=device, dtype=dtype) for _ in self.layers)
        return LandmarkState(self.geometry.init_state(batch, device, dtype), contexts)

    def members(
        self, features: Tensor, fresh: Tensor, contexts: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """What each member says.

        Args:
            features, fresh: ``[B, T, 171]`` and ``[B, T, 1]``, from `geometry`.
            contexts: past inputs of the convolutions.

        Returns:
            means ``[B, T, M, 5]``, variances ``[B, T, M, 5]``, the next contexts.
        """
        x = F.relu(self.enter((features / self.scale).transpose(1, 2)))
        after = []
        for layer, context in zip(self.layers, contexts, strict=True):
            joined, context = join_context(context, x, dim=2)
            x = F.relu(layer(joined))
            after.append(context)
        y = self.leave(x).transpose(1, 2).unflatten(-1, (self.config.members, 2 * LEVELS))
        mean, logarithm = y.split(LEVELS, dim=-1)
        weight = fresh.unsqueeze(-1)
        variance = logarithm.clamp(_LEAST_LOG_VARIANCE, _MOST_LOG_VARIANCE).exp()
        return weight * mean, weight * variance + (1.0 - weight) * self.prior.exp(), tuple(after)

    def forward(
        self, landmarks: Tensor, age_s: Tensor, state: LandmarkState | None = None
    ) -> tuple[Tensor, LandmarkState]:
        """Any number of ticks.

        Args:
            landmarks: ``[B, T, 44, 3]`` in pixels, depth in the unit of x; the newest ones at each tick, see
                `points.POINTS`. Zeros where no face was found, which age as a dropped frame does.
            age_s: ``[B, T]``, seconds since they were captured.
            state: None for a stream that begins.

        Returns:
            The cue ``[B, T, 10]`` and the next state.
        """
        if state is None:
            state = self.init_state(len(landmarks), landmarks.device, landmarks.dtype)
        features, fresh, geometry = self.geometry(landmarks, age_s, state.geometry)
        means, variances, contexts = self.members(features, fresh, state.convolutions)
        return join_members(means, variances), LandmarkState(geometry, contexts)

    def step(self, landmarks: Tensor, age_s: Tensor, state: LandmarkState) -> tuple[Tensor, LandmarkState]:
        """``[B, 44, 3]`` and ``[B]`` -> ``[B, 10]``."""
        cue, state = self(landmarks.unsqueeze(1), age_s.unsqueeze(1), state)
        return cue.squeeze(1), state


def join_members(means: Tensor, variances: Tensor) -> Tensor:
    """Mean and log variance ``[B, T, 10]`` of a mixture of Gaussians ``[B, T, M, 5]``."""
    mean = means.mean(2)
    spread = (means - mean.unsqueeze(2)).square().mean(2)
    return torch.cat([mean, (variances.mean(2) + spread).log()], dim=-1)

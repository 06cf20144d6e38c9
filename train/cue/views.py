"""How a camera sees a talking face: what is done to landmarks so that nine faces become many."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...core.arrays import Float32
from ...errors import InputError
from ...models.lips.points import MIRRORED, POINTS, TICK_S
from ...models.store.registry import NO_VIDEO_AGE_S
from ..data.landmark_corpus import LandmarkClip
from .levels import true_cue

Float64 = npt.NDArray[np.float64]

_EYES = [POINTS.index(33), POINTS.index(263)]


class Example(NamedTuple):
    """A clip on the grid of ticks.

    Attributes:
        landmarks: float32 ``[T, 44, 3]``, those at each tick; zeros where no face was found.
        cue: float32 ``[T, 5]``, the truth, see `true_cue`.
        speaker: whose.
        sound: float32 at 16 kHz.
    """

    landmarks: Float32
    cue: Float32
    speaker: str
    sound: Float32


def example_of(clip: LandmarkClip) -> Example:
    """A clip at 25 ticks a second, whatever its frame rate: landmarks between two frames are interpolated."""
    cue = true_cue(clip.sound)
    found = clip.landmarks.any(axis=(1, 2))
    ticks_s = TICK_S * np.arange(len(cue))
    landmarks = np.zeros((len(cue), len(POINTS), 3), np.float32)
    if found.any():
        times_s, shapes = clip.times_s[found], clip.landmarks[found]
        after = np.searchsorted(times_s, ticks_s).clip(1, max(len(times_s) - 1, 1)).clip(max=len(times_s) - 1)
        before = np.maximum(after - 1, 0)
        span_s = np.maximum(times_s[after] - times_s[before], 1e-6)
        weight = ((ticks_s - times_s[before]) / span_s).clip(0.0, 1.0)[:, None, None]
        between = shapes[before] * (1.0 - weight) + shapes[after] * weight
        near_s = np.abs(times_s[:, None] - ticks_s).min(0)
        landmarks = np.where((near_s < 1.5 * TICK_S)[:, None, None], between, 0.0).astype(np.float32)
    return Example(landmarks, cue, clip.speaker, clip.sound)


@dataclass(frozen=True)
class ViewConfig:
    """How far a face and its camera are varied. Probabilities are per clip.

    Attributes:
        mirror: probability of a mirrored face.
        turn_deg: most that a head is turned aside, and half of that up or down, in three dimensions.
        tilt_deg: most that it is tilted.
        gain: standard deviation of how much more or less each coordinate moves than it did.
        jitter: least and most standard deviation of a point's trembling, in eye distances: a distant face
            trembles most.
        frame_rates: frames a second of other cameras, and how often there is one.
        other_rate: probability of another frame rate.
        delay_s: most that landmarks may be late.
        delayed: probability that they are.
        dropped, frozen, lost: probabilities of dropped frames, of a frame that freezes, of a face that is
            not found for a while.
    """

    mirror: float = 0.5
    turn_deg: float = 35.0
    tilt_deg: float = 15.0
    gain: float = 0.2
    jitter: tuple[float, float] = (0.0005, 0.015)
    frame_rates: tuple[float, float] = (10.0, 60.0)
    other_rate: float = 0.4
    delay_s: float = 0.08
    delayed: float = 0.4
    dropped: float = 0.15
    frozen: float = 0.15
    lost: float = 0.1

    def __post_init__(self) -> None:
        shares = (self.mirror, self.other_rate, self.delayed, self.dropped, self.frozen, self.lost)
        if not all(0.0 <= share <= 1.0 for share in shares):
            raise InputError(
                "views: mirror, other_rate, delayed, dropped, frozen and lost must be between 0 and 1"
            )
        if min(self.turn_deg, self.tilt_deg, self.gain, self.delay_s) < 0:
            raise InputError("views: turn_deg, tilt_deg, gain and delay_s must be at least 0")
        for name in ("jitter", "frame_rates"):
            low, high = getattr(self, name)
            if not 0.0 < low <= high:
                raise InputError(
                    f"views: {name} must be two numbers above 0, from low to high, not {low}, {high}"
                )


class View(NamedTuple):
    """What encoder C sees of a batch: ``landmarks [B, T, 44, 3]`` and ``age_s [B, T]``."""

    landmarks: Tensor
    age_s: Tensor


def draw_view(landmarks: Tensor, config: ViewConfig, rng: np.random.Generator) -> View:
    """Vary faces and cameras.

    Args:
        landmarks: ``[B, T, 44, 3]`` at each tick, zeros where no face was found.
        config: how far.
        rng: drives it.
    """
    there = landmarks.flatten(2).any(-1)
    faces = _vary_faces(landmarks, there, config, rng)
    shown, age_s = _captures(len(landmarks), landmarks.shape[1], config, rng)
    seen = _between(faces, there, shown)
    low, high = np.log(config.jitter)
    size = (seen[:, :, _EYES[1]] - seen[:, :, _EYES[0]]).square().sum(-1).sqrt()
    trembling = _column(np.exp(rng.uniform(low, high, len(seen))), 4) * size[..., None, None]
    noise = torch.from_numpy(rng.standard_normal(tuple(seen.shape), dtype=np.float32))
    # A frame that is shown twice trembles once.
    last = torch.from_numpy(np.maximum.accumulate(_first_of_run(shown), axis=1))
    noise = noise.gather(1, last[..., None, None].expand_as(noise))
    return View(seen + noise * trembling, torch.from_numpy(age_s.astype(np.float32)))


def plain_view(landmarks: Tensor) -> View:
    """A camera of 25 frames a second that is never late: for judging."""
    there = landmarks.flatten(2).any(-1)
    return View(landmarks, torch.where(there, 0.0, NO_VIDEO_AGE_S))


def _vary_faces(landmarks: Tensor, there: Tensor, config: ViewConfig, rng: np.random.Generator) -> Tensor:
    """Other faces, otherwise turned; where no face was found there is still none."""
    batch = len(landmarks)
    count = there.sum(1).clamp(min=1)[:, None, None, None]
    centre = landmarks.sum(1, keepdim=True) / count
    gain = 1.0 + config.gain * rng.standard_normal((batch, 1, *landmarks.shape[2:]), dtype=np.float32)
    gain[:, :, _EYES] = 1.0  # the eyes do not talk
    moved = centre + (landmarks - centre) * torch.from_numpy(gain.astype(np.float32))
    mirrored = torch.from_numpy(rng.random(batch) < config.mirror)
    flip = torch.tensor([-1.0, 1.0, 1.0])
    moved = torch.where(mirrored[:, None, None, None], moved[:, :, list(MIRRORED)] * flip, moved)
    yaw = rng.uniform(-config.turn_deg, config.turn_deg, batch)
    pitch = rng.uniform(-config.turn_deg, config.turn_deg, batch) / 2
    tilt = rng.uniform(-config.tilt_deg, config.tilt_deg, batch)
    turned = moved @ torch.from_numpy(_rotation(yaw, pitch, tilt)).transpose(1, 2).unsqueeze(1)
    return turned * there[..., None, None]


def _rotation(yaw_deg: Float64, pitch_deg: Float64, tilt_deg: Float64) -> Float32:
    """Matrices ``[B, 3, 3]`` that turn about the vertical axis, then about the other two."""

    def about(axis: int, degrees: Float64) -> Float64:
        cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        matrix = np.tile(np.eye(3), (len(degrees), 1, 1))
        first, second = (axis + 1) % 3, (axis + 2) % 3
        matrix[:, first, first] = matrix[:, second, second] = cos
        matrix[:, first, second], matrix[:, second, first] = -sin, sin
        return matrix

    return (about(2, tilt_deg) @ about(0, pitch_deg) @ about(1, yaw_deg)).astype(np.float32)


def _captures(
    batch: int, ticks: int, config: ViewConfig, rng: np.random.Generator
) -> tuple[Float32, Float32]:
    """For each tick where in the clip the newest landmarks are from, in ticks, and their age in seconds."""
    now = np.arange(ticks, dtype=np.float64)
    shown, age_s = np.empty((batch, ticks), np.float32), np.empty((batch, ticks), np.float32)
    for item in range(batch):
        delay = rng.uniform(0, config.delay_s) / TICK_S if rng.random() < config.delayed else 0.0
        if rng.random() < config.other_rate:
            period = 1.0 / (math.exp(rng.uniform(*np.log(config.frame_rates))) * TICK_S)
            phase = rng.uniform(0, period)
            frame = np.floor((now - delay - phase) / period)
            captured = np.where(frame >= 0, frame * period + phase, -np.inf)
        else:
            captured = np.where(now >= np.ceil(delay), now - delay, -np.inf)
        if rng.random() < config.dropped:
            captured[rng.random(ticks) < rng.uniform(0.1, 0.7)] = -np.inf
        if rng.random() < config.lost:
            first, length = rng.integers(0, ticks), rng.integers(5, ticks)
            captured[first : first + length] = -np.inf
        captured = np.maximum.accumulate(captured)
        age_s[item] = np.where(np.isfinite(captured), TICK_S * (now - captured), NO_VIDEO_AGE_S)
        shown[item] = captured
        if rng.random() < config.frozen:  # the same frame again and again, each time as a new one
            start = rng.integers(0, ticks // 2) if rng.random() < 0.5 else 0
            shown[item, start:] = shown[item, start]
    return np.maximum(shown, 0.0), age_s


def _between(faces: Tensor, there: Tensor, shown: Float32) -> Tensor:
    """Landmarks at fractions of ticks; zeros where either neighbour has none."""
    before = torch.from_numpy(np.floor(shown).astype(np.int64))
    after = (before + 1).clamp(max=faces.shape[1] - 1)
    weight = torch.from_numpy(shown)[..., None, None] - before[..., None, None]
    pick = torch.arange(len(faces))[:, None]
    mixed = faces[pick, before] * (1.0 - weight) + faces[pick, after] * weight
    return mixed * (there[pick, before] & there[pick, after])[..., None, None]


def _first_of_run(shown: Float32) -> np.ndarray:
    """Of each tick its own number where it shows something new, else 0."""
    new = np.diff(shown, axis=1, prepend=-1.0) != 0
    return np.where(new, np.arange(shown.shape[1]), 0).astype(np.int64)


def _column(values: Float64, dimensions: int) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32)).reshape(-1, *[1] * (dimensions - 1))


def pad_examples(
    examples: Sequence[Example], ticks: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Examples of a batch at one length, from random places that may reach beyond longer ones.

    Returns:
        landmarks ``[B, T, 44, 3]``, true cues ``[B, T, 5]``, and which ticks count ``[B, T]``.
    """
    batch = len(examples)
    landmarks, cues = (
        np.zeros((batch, ticks, len(POINTS), 3), np.float32),
        np.zeros((batch, ticks, 5), np.float32),
    )
    counts = np.zeros((batch, ticks), bool)
    for row, example in enumerate(examples):
        # Every tick of a longer clip is as likely as every other, the first and last too: levels are relative
        # to the mean of the clip, and a face that says nothing must mean 0.
        spare = len(example.cue) - ticks
        first = int(rng.integers(1 - ticks, len(example.cue))) if spare > 0 else 0
        start, stop = max(first, 0), min(first + ticks, len(example.cue))
        there = slice(start - first, stop - first)
        landmarks[row, there] = example.landmarks[start:stop]
        cues[row, there] = example.cue[start:stop]
        counts[row, there] = True
    return torch.from_numpy(landmarks), torch.from_numpy(cues), torch.from_numpy(counts)

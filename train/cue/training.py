"""Trains encoder C: a Gaussian likelihood of the true levels of a voice, given its speaker's landmarks."""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ...models.config import LandmarkConfig
from ...models.lips.landmarks import LEVELS, GeometryState, LandmarkGeometry, LandmarkVisualEncoder
from .views import Example, View, ViewConfig, draw_view, pad_examples

#: Batches that are drawn at once.
_AHEAD = 16

#: Progress of a run: step, mean loss in nats a level since the last report.
Report = Callable[[int, float], None]


@dataclass(frozen=True)
class CueRecipe:
    """Everything that decides a training of encoder C.

    Attributes:
        data: a folder of recordings or a manifest of them, or several, relative to the working directory.
        exclude_licences: clips whose licence contains one of these are not used.
        clips_of_a_speaker: no more than so many are used, the first ones; 0 for all.
        steps, batch: optimizer steps, and clips in each.
        uses: how often a view of a clip is used, each time with other noise on its features: to draw it costs
            more than a step.
        seconds: of a clip that are seen at once, from a random place: where whole clips are seen, the encoder
            learns when in a clip of this corpus somebody speaks.
        learning_rate, weight_decay: of AdamW; the rate rises and falls as half a cosine does.
        ema_decay: of the mean of the weights over the last steps, which is what comes of a training.
        feature_noise, feature_gain, feature_dropout: standard deviations of noise on each number that the
            network sees, in those of the numbers themselves, and of a random gain of each in a clip; and how
            often one is hidden for a clip.
        warm: how often a stream is running for one clip length before it counts.
        held_out_speakers: clips of these are not trained on.
        seed: of everything random.
    """

    data: str | tuple[str, ...] = "../shared/data"
    exclude_licences: tuple[str, ...] = ()
    clips_of_a_speaker: int = 0
    steps: int = 400
    batch: int = 32
    uses: int = 3
    seconds: float = 1.4
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    ema_decay: float = 0.99
    feature_noise: float = 0.15
    feature_gain: float = 0.2
    feature_dropout: float = 0.1
    warm: float = 0.5
    held_out_speakers: tuple[str, ...] = ()
    seed: int = 1
    encoder: LandmarkConfig = field(default_factory=LandmarkConfig)
    views: ViewConfig = field(default_factory=ViewConfig)

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.uses) < 1 or self.seconds < 0.5:
            raise InputError("steps, batch and uses must be at least 1, seconds at least 0.5")
        if not (
            0.0 <= self.feature_dropout < 1.0 and 0.0 <= self.warm <= 1.0 and 0.0 <= self.ema_decay < 1.0
        ):
            raise InputError(
                "feature_dropout, ema_decay and warm must be between 0 and 1, the first two below 1"
            )
        if min(self.learning_rate, self.weight_decay, self.feature_noise, self.feature_gain) < 0:
            raise InputError("learning_rate, weight_decay, feature_noise and feature_gain must be at least 0")


def negative_log_likelihood(truth: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Of each level, in nats, up to the constant ``log(2 pi) / 2``. Any shape."""
    return 0.5 * ((truth - mean).square() / variance + variance.log())


def train_cue(
    examples: Sequence[Example], recipe: CueRecipe, report: Report | None = None
) -> LandmarkVisualEncoder:
    """Train an encoder on clips; each speaker is drawn as often as the others. In eval mode.

    Raises:
        InputError: there are no clips.
    """
    if not examples:
        raise InputError("no talking-face clips to train on: check av.csv and held_out_speakers")
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    encoder = LandmarkVisualEncoder(recipe.encoder).train()
    _measure(encoder, examples, rng)
    average = copy.deepcopy(encoder).requires_grad_(False)
    optimizer = torch.optim.AdamW(
        encoder.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    total, since = 0.0, 0
    batches = _draw(encoder, examples, recipe, rng)
    for step in range(recipe.steps):
        done = step / recipe.steps
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * min((step + 1) / 50, 0.5 + 0.5 * math.cos(math.pi * done))
        seen = next(batches)
        features = _disturb(seen.features, encoder.scale, recipe)
        contexts = encoder.init_state(recipe.batch).convolutions
        means, variances, _ = encoder.members(features, seen.fresh, contexts)
        losses = negative_log_likelihood(seen.truth.unsqueeze(2), means, variances).mean((2, 3))
        loss = losses[seen.counts].mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()
        decay = min(recipe.ema_decay, (1 + step) / (10 + step))
        for mean, value in zip(average.parameters(), encoder.parameters(), strict=True):
            mean.lerp_(value.detach(), 1 - decay)
        total, since = total + loss.item(), since + 1
        if report is not None and ((step + 1) % 100 == 0 or step + 1 == recipe.steps):
            report(step + 1, total / since)
            total, since = 0.0, 0
    return average.eval()


class _Batch(NamedTuple):
    """``features [B, T, 171]``, ``fresh [B, T, 1]``, ``truth [B, T, 5]``, ``counts [B, T]``."""

    features: Tensor
    fresh: Tensor
    truth: Tensor
    counts: Tensor


def _draw(
    encoder: LandmarkVisualEncoder, examples: Sequence[Example], recipe: CueRecipe, rng: np.random.Generator
) -> Iterator[_Batch]:
    """Batches for ever, made `_AHEAD` at a time: the geometry goes tick by tick, whether for few or many."""
    by_speaker: dict[str, list[Example]] = {}
    for example in examples:
        by_speaker.setdefault(example.speaker, []).append(example)
    everyone, count = list(by_speaker.values()), _AHEAD * recipe.batch
    while True:
        clips = [everyone[int(index)] for index in rng.integers(len(everyone), size=count)]
        drawn = [clip[int(rng.integers(len(clip)))] for clip in clips]
        landmarks, truth, counts = pad_examples(drawn, round(25 * recipe.seconds), rng)
        with torch.no_grad():
            view = draw_view(landmarks, recipe.views, rng)
            features, fresh = _features(
                encoder.geometry, view, torch.from_numpy(rng.random(count) < recipe.warm)
            )
        for start in (*range(0, count, recipe.batch),) * recipe.uses:
            part = slice(start, start + recipe.batch)
            yield _Batch(features[part], fresh[part], truth[part], counts[part])


@torch.no_grad()
def _measure(encoder: LandmarkVisualEncoder, examples: Sequence[Example], rng: np.random.Generator) -> None:
    """Scale of the features, and variance of the levels."""
    ticks = max(len(example.cue) for example in examples)
    landmarks, truth, counts = pad_examples(examples[:: max(len(examples) // 64, 1)], ticks, rng)
    features, _, _ = encoder.geometry(landmarks, torch.zeros(landmarks.shape[:2]))
    encoder.scale.copy_(features[counts].std(0).clamp(min=1e-3))
    encoder.scale[-4:] = 1.0  # freshness and the like are of the order of 1 as they are
    encoder.prior.copy_(truth[counts].var(0).log())
    assert encoder.prior.shape == (LEVELS,)


def _features(geometry: LandmarkGeometry, view: View, warm: Tensor) -> tuple[Tensor, Tensor]:
    """What the network sees; of streams that ran before, where they are ``warm``: the same clip backwards."""
    rows = warm.nonzero().flatten()
    _, _, ran = geometry(view.landmarks[rows].flip(1), torch.zeros_like(view.age_s[rows]))
    start = geometry.init_state(len(warm))
    state = GeometryState(*(zero.index_copy(0, rows, value) for zero, value in zip(start, ran, strict=True)))
    features, fresh, _ = geometry(view.landmarks, view.age_s, state)
    return features, fresh


def _disturb(features: Tensor, scale: Tensor, recipe: CueRecipe) -> Tensor:
    """Noise, gain and dropout on all but the last four features, which say how the others are to be taken."""
    batch, ticks, count = features.shape
    moved, about = features[..., :-4], features[..., -4:]
    moved = moved + recipe.feature_noise * scale[:-4] * torch.randn(batch, ticks, count - 4) * about[..., -1:]
    gain = 1.0 + recipe.feature_gain * torch.randn(batch, 1, count - 4)
    kept = torch.rand(batch, 1, count - 4) >= recipe.feature_dropout
    moved = moved * gain * kept / (1.0 - recipe.feature_dropout)
    return torch.cat([moved, about], dim=-1)

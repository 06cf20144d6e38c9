"""Mixtures of any clean speech with the cue that lips would give: what trains a fusion of landmarks."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...core.arrays import Float32
from ..cue.errors import CueErrors
from ..data.recordings import SAMPLE_RATE
from .cues import CueView, draw_cue, make_cue
from .mixtures import Mixer
from .video_mixtures import VideoConfig


class CueBatch(NamedTuple):
    """What the network sees of a batch of speakers: cues in place of crops, see `VideoBatch`.

    ``cue`` float32 ``[B, ticks, 10]``; the others as there.
    """

    cue: Tensor
    newest: Tensor
    age_s: Tensor
    trust: Tensor

    @classmethod
    def of(cls, views: list[CueView]) -> "CueBatch":
        """Views of the same length side by side."""
        return cls(
            torch.from_numpy(np.stack([view.cue for view in views])),
            torch.from_numpy(np.stack([view.newest for view in views])),
            torch.from_numpy(np.stack([view.age_s for view in views])),
            torch.tensor([view.trust for view in views]),
        )


class CueMixer:
    """Draws (noisy, clean, view) as a `Mixer` does, each with a simulated cue.

    Noisy and clean are those that the mixer draws without cues from the same generator.

    Args:
        mixer: makes noise, and mixes.
        errors: how cues err.
        config: of the video; its cues and its conflict count.
        hop: samples of an audio frame.
        hears: whether alpha can be told by the sound; else, of a cue of somebody else or a late one, alpha
            learns nothing.
    """

    def __init__(self, mixer: Mixer, errors: CueErrors, config: VideoConfig, hop: int, hears: bool) -> None:
        self.mixer, self.errors, self.config, self.hop, self.hears = mixer, errors, config, hop, hears

    def draw(self, rng: np.random.Generator) -> tuple[Float32, Float32, CueView]:
        """One mixture ``[length]``, its clean speech, and the view of the speaker."""
        noisy, clean, other = self.mixer.draw_with_other(rng)
        frames, frame_s = len(noisy) // self.hop, self.hop / SAMPLE_RATE
        given = (clean, other, frames, frame_s, self.errors, self.config.cues, rng)
        view = make_cue("wrong", *given) if self.config.draws_conflict(rng) else draw_cue(*given)
        if not self.hears and view.kind in ("wrong", "late"):
            view = view._replace(trust=math.nan)
        return noisy, clean, view

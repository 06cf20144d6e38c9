"""The batches of a run. What a step draws depends on the seed and the step alone."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .corpus import Clip, read_corpus
from .library import read_library
from .mixing import Mixer
from .recipe import Recipe
from .video_corpus import Face, read_face_clips
from .video_mixing import VideoBatch, VideoMixer


class Batch(NamedTuple):
    """``noisy, clean`` float32 ``[B, N]``, and the faces where the step has video."""

    noisy: Tensor
    clean: Tensor
    video: VideoBatch | None


def held_out(clip: Clip, recipe: Recipe) -> bool:
    """What its manifest keeps for validation, and the noise sources that the recipe names."""
    return clip.split == "valid" or clip.source in recipe.held_out_noise


def _face_held_out(face: Face, recipe: Recipe) -> bool:
    return face.split == "valid" or face.speaker in recipe.video.held_out_speakers


class BatchSource:
    """Draws batches from one side of the split: the training material, or the held-out one."""

    def __init__(self, mixer: Mixer, faces: VideoMixer | None, share: float) -> None:
        self.mixer, self.faces, self.share = mixer, faces, share

    def draw(self, size: int, *seed: int, first: int = 0) -> Batch:
        """A batch of mixtures; with faces in a share of the seeds.

        ``first`` is the number of its first mixture: processes that share a batch draw a part each.
        """
        if self.faces is not None and np.random.default_rng(seed).random() < self.share:
            return self.draw_with_faces(size, *seed, first=first)
        return self.draw_sound(size, *seed, first=first)

    def draw_sound(self, size: int, *seed: int, first: int = 0) -> Batch:
        """A batch of mixtures without faces."""
        pairs = [self.mixer.draw(rng) for rng in _generators(size, seed, first)]
        noisy, clean = (torch.from_numpy(np.stack(waves)) for waves in zip(*pairs, strict=True))
        return Batch(noisy, clean, None)

    def draw_with_faces(self, size: int, *seed: int, first: int = 0) -> Batch:
        """A batch of mixtures of talking-face clips."""
        assert self.faces is not None, "this source has no faces"
        drawn = [self.faces.draw(rng) for rng in _generators(size, seed, first)]
        noisy, clean, views = zip(*drawn, strict=True)
        return Batch(
            torch.from_numpy(np.stack(noisy)), torch.from_numpy(np.stack(clean)), VideoBatch.of(list(views))
        )


def _generators(size: int, seed: tuple[int, ...], first: int) -> list[np.random.Generator]:
    return [np.random.default_rng((*seed, item)) for item in range(first, first + size)]


def read_sources(recipe: Recipe, cache: Path) -> tuple[BatchSource, BatchSource]:
    """The training source and the held-out one of a recipe, with faces where the recipe trains with video.

    Raises:
        InputError: data that is missing or does not fit.
    """
    library = read_library(recipe.data, recipe.exclude_licences)
    corpora = read_corpus(library, cache).split(lambda clip: held_out(clip, recipe))
    mixers = [Mixer(corpus, recipe.mix) for corpus in corpora]
    if recipe.video.share == 0.0:
        training, validation = (BatchSource(mixer, None, 0.0) for mixer in mixers)
        return training, validation
    clips = read_face_clips(library, cache / "faces")

    def faces(mixer: Mixer, keep: bool) -> VideoMixer:
        chosen = tuple(clip for clip in clips if _face_held_out(clip, recipe) is keep)
        return VideoMixer(mixer, chosen, recipe.video, recipe.hop)

    training, validation = (
        BatchSource(mixer, faces(mixer, keep), recipe.video.share)
        for mixer, keep in zip(mixers, (False, True), strict=True)
    )
    return training, validation

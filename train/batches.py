"""The batches of a run. What a step draws depends on the seed and the step alone."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..models.config import preset
from .corpus import Clip, read_corpus
from .mixing import Mixer
from .recipe import Recipe
from .video_corpus import FaceClip, read_face_clips
from .video_mixing import VideoBatch, VideoMixer

#: Share of the LibriSpeech speakers kept for validation.
_HELD_OUT_SPEAKERS = 0.08


class Batch(NamedTuple):
    """``noisy, clean`` float32 ``[B, N]``, and the faces where the step has video."""

    noisy: Tensor
    clean: Tensor
    video: VideoBatch | None


def held_out(clip: Clip, recipe: Recipe) -> bool:
    """Whole noise sources by name, speakers by a hash of theirs that does not change between runs."""
    if clip.source in recipe.held_out_noise:
        return True
    digest = sum(byte * 31**k for k, byte in enumerate(clip.group.encode())) % 1000
    return "/ls" in clip.group and digest < 1000 * _HELD_OUT_SPEAKERS


class BatchSource:
    """Draws batches from one side of the split: the training material, or the held-out one."""

    def __init__(self, mixer: Mixer, faces: VideoMixer | None, share: float) -> None:
        self.mixer, self.faces, self.share = mixer, faces, share

    def draw(self, size: int, *seed: int) -> Batch:
        """A batch of mixtures; with faces in a share of the seeds."""
        if self.faces is not None and np.random.default_rng(seed).random() < self.share:
            return self.draw_with_faces(size, *seed)
        pairs = [self.mixer.draw(np.random.default_rng((*seed, item))) for item in range(size)]
        noisy, clean = (torch.from_numpy(np.stack(waves)) for waves in zip(*pairs, strict=True))
        return Batch(noisy, clean, None)

    def draw_with_faces(self, size: int, *seed: int) -> Batch:
        """A batch of mixtures of talking-face clips."""
        assert self.faces is not None, "this source has no faces"
        drawn = [self.faces.draw(np.random.default_rng((*seed, item))) for item in range(size)]
        noisy, clean, views = zip(*drawn, strict=True)
        return Batch(
            torch.from_numpy(np.stack(noisy)), torch.from_numpy(np.stack(clean)), VideoBatch.of(list(views))
        )


def read_sources(recipe: Recipe, cache: Path) -> tuple[BatchSource, BatchSource]:
    """The training source and the held-out one of a recipe, with faces where the recipe trains with video.

    Raises:
        InputError: data that is missing or does not fit.
    """
    folder = Path(recipe.data)
    corpora = read_corpus(folder, cache).split(lambda clip: held_out(clip, recipe))
    mixers = [Mixer(corpus, recipe.mix) for corpus in corpora]
    if recipe.video.share == 0.0:
        training, validation = (BatchSource(mixer, None, 0.0) for mixer in mixers)
        return training, validation
    clips = read_face_clips(folder, cache / "faces")
    hop = preset(recipe.preset).stft.hop

    def faces(mixer: Mixer, keep: bool) -> VideoMixer:
        def is_held(clip: FaceClip) -> bool:
            return clip.speaker in recipe.video.held_out_speakers

        chosen = tuple(clip for clip in clips if is_held(clip) is keep)
        return VideoMixer(mixer, chosen, recipe.video, hop)

    training, validation = (
        BatchSource(mixer, faces(mixer, keep), recipe.video.share)
        for mixer, keep in zip(mixers, (False, True), strict=True)
    )
    return training, validation

"""The batches of a run, drawn by workers or not: what a step draws depends on seed and step alone."""

import signal
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ...errors import InputError
from ...models.config import ModelConfig
from ..cue.errors import ERRORS_FILE, load_errors
from ..data.corpus import Clip, Library, read_corpus, read_library
from ..data.recordings import SAMPLE_RATE
from ..data.shards import ShardList, is_list, read_list
from ..data.video_corpus import Face, read_face_clips
from ..recipe import Recipe
from .cue_mixtures import CueBatch, CueMixer
from .mixtures import Mixer
from .streaming import ShardStream
from .video_mixtures import VideoBatch, VideoMixer


class Batch(NamedTuple):
    """``noisy, clean`` float32 ``[B, N]``, and where the step has video the faces, or their cues."""

    noisy: Tensor
    clean: Tensor
    video: VideoBatch | CueBatch | None


def held_out(clip: Clip, recipe: Recipe) -> bool:
    """What its manifest keeps for validation, and the noise sources that the recipe names."""
    return clip.split == "valid" or clip.source in recipe.held_out_noise


def _face_held_out(face: Face, recipe: Recipe) -> bool:
    return face.split == "valid" or face.speaker in recipe.video.held_out_speakers


class BatchSource:
    """Draws batches from one side of the split: the training material, or the held-out one."""

    def __init__(self, mixer: Mixer, faces: VideoMixer | CueMixer | None, share: float) -> None:
        self.mixer, self.faces, self.share = mixer, faces, share

    def draw(self, size: int, *seed: int, first: int = 0) -> Batch:
        """A batch of mixtures; with faces in a share of the seeds.

        ``first`` is the number of its first mixture: processes that share a batch draw a part each.
        """
        if self.faces is not None and np.random.default_rng(seed).random() < self.share:
            return self.draw_with_faces(size, *seed, first=first)
        return self.draw_sound(size, *seed, first=first)

    def hours(self) -> dict[str, float]:
        """Hours of recordings by kind."""
        kinds = {"speech": self.mixer.voices.by_source.values(), "noise": self.mixer.noise_by_source}
        samples = {
            kind: sum(clip.end - clip.start for clips in sources for clip in clips)
            for kind, sources in kinds.items()
        }
        return {kind: round(count / SAMPLE_RATE / 3600, 2) for kind, count in samples.items()}

    def draw_sound(self, size: int, *seed: int, first: int = 0) -> Batch:
        """A batch of mixtures without faces."""
        pairs = [self.mixer.draw(rng) for rng in _generators(size, seed, first)]
        noisy, clean = (torch.from_numpy(np.stack(waves)) for waves in zip(*pairs, strict=True))
        return Batch(noisy, clean, None)

    def draw_with_faces(self, size: int, *seed: int, first: int = 0) -> Batch:
        """A batch of mixtures of talking-face clips, or of speech with cues."""
        assert self.faces is not None, "this source has no faces"
        drawn = [self.faces.draw(rng) for rng in _generators(size, seed, first)]
        noisy, clean, views = (list(column) for column in zip(*drawn, strict=True))
        video = CueBatch.of(views) if isinstance(self.faces, CueMixer) else VideoBatch.of(views)
        return Batch(torch.from_numpy(np.stack(noisy)), torch.from_numpy(np.stack(clean)), video)


class StreamedSource(BatchSource):
    """Draws training batches from shards: those whose turn it is at the step.

    Args:
        source: as it is at step 0.
        stream: which shards those are.
    """

    def __init__(self, source: BatchSource, stream: ShardStream) -> None:
        super().__init__(source.mixer, source.faces, source.share)
        self._stream, self._windows = stream, stream.windows(0)

    def draw(self, size: int, *seed: int, first: int = 0) -> Batch:
        """As `BatchSource.draw`; the last number of the seed is the step."""
        windows = self._stream.windows(seed[-1])
        if windows != self._windows:
            self.mixer = Mixer(self._stream.corpus(windows), self.mixer.config)
            if self.faces is not None:
                self.faces.mixer = self.mixer
            self._windows = windows
        return super().draw(size, *seed, first=first)

    def hours(self) -> dict[str, float]:
        """Hours of all recordings by kind, also of those whose turn it is not."""
        return self._stream.hours()


def _generators(size: int, seed: tuple[int, ...], first: int) -> list[np.random.Generator]:
    return [np.random.default_rng((*seed, item)) for item in range(first, first + size)]


def _places(recipe: Recipe) -> tuple[str, ...]:
    return (recipe.data,) if isinstance(recipe.data, str) else recipe.data


def library_of(recipe: Recipe) -> Library:
    """The recordings that a recipe names, but for shards; raises as `read_library`."""
    places = tuple(place for place in _places(recipe) if not is_list(Path(place)))
    if len(places) < len(_places(recipe)) and not (places or recipe.speech or recipe.noise):
        return ()
    return read_library(places, recipe.exclude_licences, recipe.speech, recipe.noise)


def shards_of(recipe: Recipe) -> list[ShardList]:
    """The lists of shards that a recipe names; raises as `read_list`."""
    return [read_list(Path(place)) for place in _places(recipe) if is_list(Path(place))]


def summary_of(recipe: Recipe, source: BatchSource) -> dict[str, object]:
    """What a training learns from: hours of recordings by kind, and the licences of all that is named."""
    licences = {item.licence for manifest in library_of(recipe) for item in manifest.items}
    licences |= {
        licence
        for one in shards_of(recipe)
        for shard in one.shards
        for licence in shard.licences
        if not any(name.lower() in licence.lower() for name in recipe.exclude_licences)
    }
    return {"hours": source.hours(), "licences": sorted(licences)}


def read_sources(recipe: Recipe, cache: Path) -> tuple[BatchSource, BatchSource]:
    """The training source and the held-out one of a recipe, with faces where the recipe trains with video.

    Raises:
        InputError: data that is missing or does not fit.
    """
    library = library_of(recipe)
    corpora = read_corpus(library, cache).split(lambda clip: held_out(clip, recipe))
    stream = None
    if shards := shards_of(recipe):
        stream = ShardStream(shards, recipe, corpora[0])
        corpora = (stream.corpus(stream.windows(0)), stream.held_out(corpora[1]))
    mixers = [Mixer(corpus, recipe.mix) for corpus in corpora]
    training, validation = _sources(recipe, library, cache, mixers)
    if stream is not None:
        training = StreamedSource(training, stream)
    return training, validation


def _sources(
    recipe: Recipe, library: Library, cache: Path, mixers: list[Mixer]
) -> tuple[BatchSource, BatchSource]:
    """Both sources of a recipe, with faces where it trains with video."""
    if recipe.video.share == 0.0:
        training, validation = (BatchSource(mixer, None, 0.0) for mixer in mixers)
        return training, validation
    network = recipe.network
    assert isinstance(network, ModelConfig), "recipes refuse video for parents"
    hears = network.visual.early is not None
    if network.sees_landmarks:
        errors, cues = load_errors(ERRORS_FILE), recipe.video
        training, validation = (
            BatchSource(mixer, CueMixer(mixer, errors, cues, recipe.hop, hears), cues.share)
            for mixer in mixers
        )
        return training, validation
    clips = read_face_clips(library, cache / "faces")

    def faces(mixer: Mixer, keep: bool) -> VideoMixer:
        chosen = tuple(clip for clip in clips if _face_held_out(clip, recipe) is keep)
        return VideoMixer(mixer, chosen, recipe.video, recipe.hop, hears)

    training, validation = (
        BatchSource(mixer, faces(mixer, keep), recipe.video.share)
        for mixer, keep in zip(mixers, (False, True), strict=True)
    )
    return training, validation


Drawn = TypeVar("Drawn")


class _Batches(Dataset[Batch | InputError]):
    """The batch of each step. Bad input comes back as a value: the loader would wrap it in a traceback."""

    def __init__(self, source: BatchSource, size: int, seed: int, first: int) -> None:
        self.source, self.size, self.seed, self.first = source, size, seed, first

    def __getitem__(self, step: int) -> Batch | InputError:
        try:
            return self.source.draw(self.size, self.seed, step, first=self.first)
        except InputError as error:
            return error


def draw_ahead(
    source: BatchSource, size: int, seed: int, steps: Sequence[int], workers: int = 0, first: int = 0
) -> Generator[Batch, None, None]:
    """The batches of the steps, in their order; close the iterator to stop the workers early.

    Args:
        source: what is drawn from.
        size: mixtures of each batch.
        seed: of the run.
        steps: of the run, such as ``range(step, last)``.
        workers: processes that draw, two batches ahead each; 0 draws in this process, when asked.
        first: number of the first mixture, see `BatchSource.draw`.

    Raises:
        InputError: a recording went missing or bad meanwhile. What else goes wrong in a worker is raised here
            as it was there, with its traceback.
    """
    dataset = _Batches(source, size, seed, first)
    drawn = map(dataset.__getitem__, steps) if workers == 0 else _in_workers(dataset, steps, workers)
    for batch in drawn:
        if isinstance(batch, InputError):
            raise batch
        yield batch


def _in_workers(dataset: _Batches, steps: Sequence[int], workers: int) -> Iterator[Batch | InputError]:
    loader = DataLoader(
        dataset,
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        collate_fn=_unchanged,
        worker_init_fn=_start,
        # A forked process would inherit torch's threads in whatever state they are in.
        multiprocessing_context="spawn",
        # Its own: the loader draws a seed, and the global generator belongs to the weights.
        generator=torch.Generator(),
    )
    yield from loader


def _unchanged(drawn: Drawn) -> Drawn:
    return drawn


def _start(worker: int) -> None:
    """Ctrl-C is for the process that trains; the loader has set torch to one thread, OpenCV needs telling."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)

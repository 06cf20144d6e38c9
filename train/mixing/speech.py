"""Draws speech: a source by its weight, then any of its clips, but for those of one speaker."""

from collections.abc import Mapping, Sequence

import numpy as np

from ...core.arrays import Float32
from ...errors import InputError
from ..data.corpus import Clip, Corpus
from .effects import rms

#: A clip that is silent where it was read is given up for another one this often.
_TRIES = 8


def by_source(clips: tuple[Clip, ...]) -> dict[str, list[Clip]]:
    """Clips by their source, those of a group side by side."""
    grouped: dict[str, dict[str, list[Clip]]] = {}
    for clip in clips:
        grouped.setdefault(clip.source, {}).setdefault(clip.group, []).append(clip)
    return {source: [clip for part in parts.values() for clip in part] for source, parts in grouped.items()}


def root_of_length(corpus: Corpus, kind: str, sources: Mapping[str, Sequence[Clip]]) -> list[float]:
    """The weight of each source: a large collection is drawn more often, but does not drown the others."""
    return [float(np.sqrt(corpus.length(kind, source, clips))) for source, clips in sources.items()]


class Voices:
    """The speech of a corpus.

    Args:
        corpus: its speech is drawn.
        weights: of its sources; sources that are not named are not drawn. Empty: the root of their length.
        tempo: see `MixConfig`.

    Raises:
        InputError: there is no speech of the named sources.
    """

    def __init__(self, corpus: Corpus, weights: Mapping[str, float], tempo: float = 0.0) -> None:
        self._tempo = tempo
        self.by_source = by_source(corpus.speech)
        usual = root_of_length(corpus, "speech", self.by_source)
        named = dict(weights or zip(self.by_source, usual, strict=True))
        self._sources = [self.by_source[name] for name in named if name in self.by_source]
        self._weights = np.array([weight for name, weight in named.items() if name in self.by_source])
        if self._weights.sum() == 0:
            there = ", ".join(self.by_source) or "nowhere"
            raise InputError(
                f"no speech to mix: source_weights names none of its sources ({there}): leave it "
                "out to draw from all"
            )
        self._spans = [_spans(clips) for clips in self._sources]

    def has_others(self, speaker: str) -> bool:
        """Whether anybody else can be heard."""
        return bool(np.any(self._weights * self._count_others(speaker)))

    def draw(self, length: int, rng: np.random.Generator, avoid: str = "") -> tuple[Clip, Float32]:
        """Speech that is not silent, float32 ``[length]``, and the clip it is from.

        Args:
            length: in samples.
            rng: drives it.
            avoid: a speaker who is not wanted; there must be others.
        """
        others = self._count_others(avoid)
        weights = self._weights * (others > 0)
        source = int(rng.choice(len(weights), p=weights / weights.sum()))
        start, end = self._spans[source].get(avoid, (0, 0))
        for _ in range(_TRIES):
            index = int(rng.integers(others[source]))
            clip = self._sources[source][index if index < start else index + end - start]
            speech = clip.read(length, rng, self._tempo)
            if rms(speech) > 1e-3:
                break
        return clip, speech

    def _count_others(self, speaker: str) -> np.ndarray:
        """How many clips of each source are not of a speaker."""
        counts = []
        for clips, spans in zip(self._sources, self._spans, strict=True):
            start, end = spans.get(speaker, (0, 0))
            counts.append(len(clips) - (end - start))
        return np.array(counts)


def _spans(clips: list[Clip]) -> dict[str, tuple[int, int]]:
    """Where the clips of each group begin and end."""
    spans: dict[str, tuple[int, int]] = {}
    for index, clip in enumerate(clips):
        spans[clip.group] = (spans.get(clip.group, (index, index))[0], index + 1)
    return spans

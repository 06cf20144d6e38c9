"""Training from shards: the recordings of a few shards of each source at a time, moving on with the steps.

Which shards those are depends on seed and step alone, as does what is drawn of them. So a run that goes on
from any step draws what it would have drawn, to the sample, with any number of workers and of processes;
nothing needs to be remembered, and every process sees the same.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..data.corpus import Clip, Corpus
from ..data.recordings import SAMPLE_RATE
from ..data.shards import ShardList, read_shard
from ..recipe import Recipe


@dataclass(frozen=True)
class Series:
    """The shards of one source, in an order that is another one each time round.

    Attributes:
        kind, source: of all of them.
        files: the shards.
        seconds: length of all their recordings.
        at_once: shards that are drawn from at a time.
        steps_each: steps after which one shard goes and the next one comes.
        seed: of the order.
    """

    kind: str
    source: str
    files: tuple[Path, ...]
    seconds: float
    at_once: int
    steps_each: int
    seed: int

    def window(self, step: int) -> tuple[Path, ...]:
        """The shards that a step draws from, in the order in which they came."""
        if len(self.files) <= self.at_once:
            return self.files
        first = step // self.steps_each
        return tuple(dict.fromkeys(self._at(place) for place in range(first, first + self.at_once)))

    def _at(self, place: int) -> Path:
        time_round, index = divmod(place, len(self.files))
        return self.files[_order(self.seed, time_round, len(self.files))[index]]


@lru_cache(maxsize=256)
def _order(seed: int, time_round: int, count: int) -> tuple[int, ...]:
    return tuple(np.random.default_rng((seed, time_round)).permutation(count).tolist())


class ShardStream:
    """What a run draws from at each step: its shards' windows, beside what its manifests list.

    Args:
        lists: of the shards.
        recipe: of the run.
        base: recordings that are no shards.
    """

    def __init__(self, lists: Sequence[ShardList], recipe: Recipe, base: Corpus) -> None:
        self._excluded, self._at_once = recipe.exclude_licences, recipe.shard_window
        self._base = base
        held: dict[tuple[str, str], list[tuple[Path, float]]] = {}
        self._held_out: dict[tuple[str, str], list[Path]] = {}
        for one in lists:
            for shard in one.shards:
                seconds = shard.seconds(self._excluded)
                if shard.split == "test" or seconds == 0:
                    continue
                key, path = (shard.kind, shard.source), one.root / shard.file
                if shard.split == "valid" or shard.source in recipe.held_out_noise:
                    self._held_out.setdefault(key, []).append(path)
                else:
                    held.setdefault(key, []).append((path, seconds))
        shares = _shares(held, recipe)
        self.series = tuple(_series(key, shards, shares[key], recipe) for key, shards in sorted(held.items()))

    def windows(self, step: int) -> tuple[tuple[Path, ...], ...]:
        """The shards that a step draws from, of each series."""
        return tuple(one.window(step) for one in self.series)

    def corpus(self, windows: Sequence[Sequence[Path]]) -> Corpus:
        """The recordings of shards, and those that are none.

        Raises:
            InputError: a shard is missing or damaged.
        """
        clips: dict[str, list[Clip]] = {"speech": [*self._base.speech], "noise": [*self._base.noise]}
        for one, files in zip(self.series, windows, strict=True):
            clips[one.kind] += _clips(files, self._excluded)
        lengths = {(one.kind, one.source): one.seconds * SAMPLE_RATE for one in self.series}
        return replace(
            self._base, speech=tuple(clips["speech"]), noise=tuple(clips["noise"]), lengths=lengths
        )

    def held_out(self, base: Corpus) -> Corpus:
        """What is kept for validation: that of manifests, and of each source the first shards."""
        clips: dict[str, list[Clip]] = {"speech": [*base.speech], "noise": [*base.noise]}
        for (kind, _), files in sorted(self._held_out.items()):
            clips[kind] += _clips(files[: self._at_once], self._excluded)
        return replace(base, speech=tuple(clips["speech"]), noise=tuple(clips["noise"]))

    def hours(self) -> dict[str, float]:
        """Of all that is trained on, by kind."""
        base = {"speech": self._base.speech, "noise": self._base.noise}
        seconds = {
            kind: sum(clip.end - clip.start for clip in clips) / SAMPLE_RATE for kind, clips in base.items()
        }
        for one in self.series:
            seconds[one.kind] += one.seconds
        return {kind: round(length / 3600, 2) for kind, length in seconds.items()}


def _clips(files: Sequence[Path], excluded: tuple[str, ...]) -> list[Clip]:
    return [clip for file in files for clip in _read(file, excluded)]


@lru_cache(maxsize=256)
def _read(file: Path, excluded: tuple[str, ...]) -> tuple[Clip, ...]:
    """Names and places of the recordings of a shard; a window that moves by one reads one."""
    return tuple(read_shard(file, excluded))


def _shares(
    held: dict[tuple[str, str], list[tuple[Path, float]]], recipe: Recipe
) -> dict[tuple[str, str], float]:
    """How often a mixture draws from each source, about."""
    weights = {key: math.sqrt(sum(seconds for _, seconds in shards)) for key, shards in held.items()}
    if named := recipe.mix.source_weights:
        weights |= {key: named.get(key[1], 0.0) for key in weights if key[0] == "speech"}
    total: dict[str, float] = {}
    for (kind, _), weight in weights.items():
        total[kind] = total.get(kind, 0.0) + weight
    return {key: weight / total[key[0]] if total[key[0]] else 0.0 for key, weight in weights.items()}


def _series(key: tuple[str, str], shards: list[tuple[Path, float]], share: float, recipe: Recipe) -> Series:
    """The shards of a source move on so that each recording is heard about once each time round."""
    kind, source = key
    seconds = sum(length for _, length in shards)
    drawn = recipe.batch * recipe.mix.seconds * share
    steps = math.inf if drawn == 0 else seconds / len(shards) / drawn
    number = int.from_bytes(hashlib.sha256(f"{recipe.seed}:{kind}:{source}".encode()).digest()[:4], "big")
    files = tuple(path for path, _ in shards)
    return Series(kind, source, files, seconds, recipe.shard_window, max(1, round(min(steps, 1e9))), number)

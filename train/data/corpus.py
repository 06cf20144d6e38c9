"""The recordings that training mixes from: clean speech, noise and room impulse responses, decoded once."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from ...core.arrays import Float32
from ...errors import InputError
from ..mixing.effects import faster, random_tempo
from .corpora import tables
from .manifest import Item, Manifest, read_manifest
from .own import own_noise, own_speech
from .recordings import SAMPLE_RATE, Decoded, Int16, decode, decode_response

Library = tuple[Manifest, ...]


def read_library(
    data: str | tuple[str, ...],
    exclude_licences: tuple[str, ...] = (),
    speech: tuple[str, ...] = (),
    noise: tuple[str, ...] = (),
) -> Library:
    """The manifests that a recipe names, and for a folder with tables what these list; without test material.

    Args:
        data: a manifest or a folder with tables, or several of them.
        speech, noise: folders of audio files, see `own_speech`.
        exclude_licences: recordings whose licence contains one of these are left out (case does not count).

    Raises:
        InputError: something is missing or no manifest.
    """
    places = (data,) if isinstance(data, str) else data
    named = [_read(Path(place)) for place in places]
    named += [own_speech(Path(place)) for place in speech]
    named += [own_noise(Path(place)) for place in noise]
    if not named:
        raise InputError("data names nothing to train on: a folder, a manifest or several")
    excluded = tuple(name.lower() for name in exclude_licences)
    library = []
    for manifest in named:
        items = (item for item in manifest.items if item.split != "test")
        allowed = (item for item in items if not any(name in item.licence.lower() for name in excluded))
        library.append(replace(manifest, items=tuple(allowed)))
    return tuple(library)


def _read(place: Path) -> Manifest:
    if place.is_file() or place.suffix == ".jsonl":
        return read_manifest(place)
    return Manifest(str(place), place, tuple(tables.ADAPTER.find(place)))


class Recording(Protocol):
    """A decoded file."""

    @property
    def samples(self) -> Int16:
        """Int16 ``[N]`` at 16 kHz."""


@dataclass(frozen=True)
class Clip:
    """One recording inside a decoded file.

    Attributes:
        recording: the file.
        start, end: its place in the file, in samples.
        source: the collection it comes from.
        group: who is heard: the speaker, or the source of noise.
        split: "train" or "valid".
        noisy: the same recording with noise, where there is one.
    """

    recording: Recording
    start: int
    end: int
    source: str
    group: str
    split: str = "train"
    noisy: Recording | None = None

    def read(self, length: int, rng: np.random.Generator, tempo: float = 0.0) -> Float32:
        """``length`` samples float32 in [-1, 1) from a random place, at a `random_tempo` up to ``tempo``.

        A clip that is short goes on in its file, and beyond the end of the file with the file's start.
        """
        if tempo == 0.0:
            return _cut(self.recording.samples, self._first(length, rng), length)
        drawn = random_tempo(tempo, rng)
        sound = faster(self.read(math.ceil(length * drawn) + 1, rng), drawn)[:length]
        return np.pad(sound, (0, length - len(sound)))  # the resampler rounds either way

    def read_pair(self, length: int, rng: np.random.Generator) -> tuple[Float32, Float32]:
        """What `read` gives, and the same place of the noisy recording."""
        assert self.noisy is not None, "this clip has no noisy twin"
        first = self._first(length, rng)
        return _cut(self.recording.samples, first, length), _cut(self.noisy.samples, first, length)

    def _first(self, length: int, rng: np.random.Generator) -> int:
        spare = max(self.end - self.start - length, 0)
        return self.start + int(rng.integers(0, spare + 1))


def _cut(samples: Int16, first: int, length: int) -> Float32:
    taken = samples[first : first + length]
    if len(taken) < length:
        taken = np.resize(np.concatenate([taken, samples]), length)
    return taken.astype(np.float32) / 32768.0


@dataclass(frozen=True)
class Room:
    """An impulse response in the cache."""

    file: Path
    split: str = "train"

    def read(self) -> Float32:
        """The response float32 ``[N]``, from its direct sound on, at unit energy."""
        return np.asarray(np.load(self.file), dtype=np.float32)


@dataclass(frozen=True)
class Corpus:
    """Clips of speech and noise, and rooms.

    Attributes:
        lengths: samples of all recordings of a (kind, source) of which only a part is here.
    """

    speech: tuple[Clip, ...]
    noise: tuple[Clip, ...]
    rooms: tuple[Room, ...]
    lengths: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def length(self, kind: str, source: str, clips: Sequence[Clip]) -> float:
        """Samples of a source whose clips here are these."""
        return self.lengths.get((kind, source)) or sum(clip.end - clip.start for clip in clips)

    def split(self, held_out: Callable[[Clip], bool]) -> tuple["Corpus", "Corpus"]:
        """Two corpora: the clips that ``held_out`` refuses and those it takes, each with rooms of its own.

        Where no room is held out, both sides have all of them.
        """
        parts = []
        for keep in (False, True):
            speech = tuple(clip for clip in self.speech if held_out(clip) is keep)
            noise = tuple(clip for clip in self.noise if held_out(clip) is keep)
            rooms = tuple(room for room in self.rooms if (room.split == "valid") is keep)
            parts.append(Corpus(speech, noise, rooms or self.rooms))
        return parts[0], parts[1]


def read_corpus(library: Library, cache: Path) -> Corpus:
    """Decode what a library lists of speech, noise and rooms into ``cache``; samples are mapped from there.

    Raises:
        InputError: a recording is missing or unreadable.
    """
    rooms = cache / "rooms"
    rooms.mkdir(parents=True, exist_ok=True)
    decoded: dict[Path, Decoded] = {}

    def recording(path: Path) -> Decoded:
        if path not in decoded:
            decoded[path] = decode(path, cache)
        return decoded[path]

    def clips(kind: str) -> Iterator[Clip]:
        for manifest, item in _items(library, kind):
            sound = recording(manifest.path(item))
            start = int(item.start_s * SAMPLE_RATE)
            end = len(sound.samples) if item.end_s is None else int(item.end_s * SAMPLE_RATE)
            noisy = recording(manifest.root / item.noisy) if item.noisy else None
            yield Clip(sound, start, end, item.source, item.speaker or item.source, item.split, noisy)

    return Corpus(
        speech=tuple(clips("speech")),
        noise=tuple(clips("noise")),
        rooms=tuple(
            Room(decode_response(manifest.path(item), rooms), item.split)
            for manifest, item in _items(library, "rir")
        ),
    )


def faces_of(library: Library) -> list[tuple[Manifest, Item]]:
    """The films of talking faces of a library.

    Raises:
        InputError: there are none.
    """
    faces = list(_items(library, "face"))
    if not faces:
        raise InputError(
            "no faces to train with: no manifest has rows of the kind face, or train/av.csv is missing in "
            "the data folder"
        )
    return faces


def _items(library: Library, kind: str) -> Iterator[tuple[Manifest, Item]]:
    return ((manifest, item) for manifest in library for item in manifest.items if item.kind == kind)

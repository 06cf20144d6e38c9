"""The recordings that training mixes from: clean speech, noise and room impulse responses, decoded once.

Layout of the folder (16 kHz mono): ``train/speech.csv`` with columns file, start_s, end_s, source, speaker, tier;
``train/noise.csv`` with file, start_s, end_s, source, class; ``train/rir/*.flac``.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from ..errors import InputError

SAMPLE_RATE = 16000
Int16 = npt.NDArray[np.int16]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """One recording inside a decoded file. ``group`` is what a split keeps together: a speaker or a noise source."""

    samples: Int16
    start: int
    end: int
    source: str
    group: str

    def read(self, length: int, rng: np.random.Generator) -> Float32:
        """``length`` samples float32 in [-1, 1) from a random place of the clip, going on in its file when it is short.

        What lies beyond the end of the file is the start of the file.
        """
        spare = max(self.end - self.start - length, 0)
        first = self.start + int(rng.integers(0, spare + 1))
        taken = self.samples[first : first + length]
        if len(taken) < length:
            taken = np.resize(np.concatenate([taken, self.samples]), length)
        return taken.astype(np.float32) / 32768.0


@dataclass(frozen=True)
class Corpus:
    """Clips of speech (by source) and noise, and impulse responses (float32, peak-aligned at their direct sound)."""

    speech: tuple[Clip, ...]
    noise: tuple[Clip, ...]
    rirs: tuple[Float32, ...]

    def split(self, held_out: Callable[[Clip], bool]) -> tuple["Corpus", "Corpus"]:
        """Two corpora: the clips that ``held_out`` refuses, and the ones it takes. Impulse responses serve both."""
        parts = []
        for keep in (False, True):
            speech = tuple(clip for clip in self.speech if held_out(clip) is keep)
            noise = tuple(clip for clip in self.noise if held_out(clip) is keep)
            parts.append(Corpus(speech, noise, self.rirs))
        return parts[0], parts[1]


def _decode(path: Path, cache: Path) -> Int16:
    """The samples of a compressed file, mapped from the cache, which is filled on first use."""
    cached = cache / f"{path.stem}.npy"
    if not cached.exists():
        samples, rate = soundfile.read(path, dtype="int16")
        if rate != SAMPLE_RATE or samples.ndim != 1:
            raise InputError(f"{path}: training audio must be mono at {SAMPLE_RATE} Hz")
        partial = cached.with_suffix(".part.npy")
        np.save(partial, samples)
        partial.replace(cached)
    mapped: Int16 = np.load(cached, mmap_mode="r")
    return mapped


def _read_clips(folder: Path, table: str, group: str, cache: Path) -> tuple[Clip, ...]:
    path = folder / "train" / table
    if not path.is_file():
        raise InputError(f"{path} is missing: point the recipe's data at a folder with train/{table}")
    decoded: dict[str, Int16] = {}
    clips = []
    with path.open(newline="") as handle:
        for row in csv.DictReader(handle):
            if row["file"] not in decoded:
                decoded[row["file"]] = _decode(folder / row["file"], cache)
            start, end = (int(float(row[key]) * SAMPLE_RATE) for key in ("start_s", "end_s"))
            clips.append(Clip(decoded[row["file"]], start, end, row["source"], row[group]))
    return tuple(clips)


def _read_rir(path: Path) -> Float32:
    """An impulse response from its direct sound on, at unit energy."""
    response, _ = soundfile.read(path, dtype="float32")
    response = response[int(np.argmax(np.abs(response))) :]
    return np.asarray(response / np.sqrt(np.sum(response**2)), dtype=np.float32)


def read_corpus(folder: Path, cache: Path) -> Corpus:
    """Read the corpus of a data folder; decoded samples are kept in ``cache`` and mapped from there.

    Raises:
        InputError: a table is missing, or a recording is not 16 kHz mono.
    """
    cache.mkdir(parents=True, exist_ok=True)
    return Corpus(
        speech=_read_clips(folder, "speech.csv", "speaker", cache),
        noise=_read_clips(folder, "noise.csv", "source", cache),
        rirs=tuple(_read_rir(path) for path in sorted((folder / "train" / "rir").glob("*.flac"))),
    )

"""The recordings that training mixes from: clean speech, noise and room impulse responses, decoded once.

Layout of the folder (16 kHz mono): ``train/speech.csv`` with columns file, start_s, end_s, source, speaker;
``train/noise.csv`` with file, start_s, end_s, source; ``train/rir/*.flac``. Other columns are for people.
"""

import csv
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from ..errors import InputError

SAMPLE_RATE = 16000
Int16 = npt.NDArray[np.int16]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """One recording inside a decoded file.

    ``group`` is what a split keeps together: a speaker or a noise source.
    """

    samples: Int16
    start: int
    end: int
    source: str
    group: str

    def read(self, length: int, rng: np.random.Generator) -> Float32:
        """``length`` samples float32 in [-1, 1) from a random place of the clip.

        A clip that is short goes on in its file, and beyond the end of the file with the file's start.
        """
        spare = max(self.end - self.start - length, 0)
        first = self.start + int(rng.integers(0, spare + 1))
        taken = self.samples[first : first + length]
        if len(taken) < length:
            taken = np.resize(np.concatenate([taken, self.samples]), length)
        return taken.astype(np.float32) / 32768.0


@dataclass(frozen=True)
class Corpus:
    """Clips of speech and noise, and impulse responses (from the direct sound on at unit energy)."""

    speech: tuple[Clip, ...]
    noise: tuple[Clip, ...]
    rirs: tuple[Float32, ...]

    def split(self, held_out: Callable[[Clip], bool]) -> tuple["Corpus", "Corpus"]:
        """Two corpora: the clips that ``held_out`` refuses and those it takes, each with all responses."""
        parts = []
        for keep in (False, True):
            speech = tuple(clip for clip in self.speech if held_out(clip) is keep)
            noise = tuple(clip for clip in self.noise if held_out(clip) is keep)
            parts.append(Corpus(speech, noise, self.rirs))
        return parts[0], parts[1]


def _read_mono(path: Path, dtype: str) -> npt.NDArray[Any]:
    try:
        samples, rate = soundfile.read(path, dtype=dtype)
    except soundfile.SoundFileError as error:
        raise InputError(f"{path} cannot be read as audio ({error})") from error
    if rate != SAMPLE_RATE or samples.ndim != 1:
        raise InputError(f"{path}: training audio must be mono at {SAMPLE_RATE} Hz")
    mono: npt.NDArray[Any] = samples
    return mono


def read_table(path: Path, columns: set[str]) -> list[dict[str, str]]:
    """The rows of a table of recordings.

    Raises:
        InputError: the table or one of its columns is missing.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing: point the recipe's data at a folder with train/{path.name}")
    with path.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    missing = columns - set(rows[0] if rows else ())
    if missing:
        raise InputError(f"{path} has no rows with the columns {', '.join(sorted(missing))}")
    return rows


def cached(recording: Path, cache: Path, suffix: str, extract: Callable[[Path, Path], None]) -> Path:
    """The file that ``extract(recording, file)`` writes, from ``cache`` unless the recording is new there.

    Its name tells the recording from others of its name, and from what it held before it was changed.

    Raises:
        InputError: the recording is missing.
    """
    if not recording.is_file():
        raise InputError(f"{recording} is listed for training but missing")
    stat = recording.stat()
    identity = f"{recording.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"
    file = cache / f"{recording.stem}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}{suffix}"
    if not file.exists():
        partial = file.with_suffix(f".part{suffix}")
        extract(recording, partial)
        partial.replace(file)
    return file


def _decode(recording: Path, file: Path) -> None:
    np.save(file, _read_mono(recording, "int16"))


def _read_clips(folder: Path, table: str, group: str, cache: Path) -> tuple[Clip, ...]:
    path = folder / "train" / table
    rows = read_table(path, {"file", "start_s", "end_s", "source", group})
    decoded: dict[str, Int16] = {
        name: np.load(cached(folder / name, cache, ".npy", _decode), mmap_mode="r")
        for name in dict.fromkeys(row["file"] for row in rows)
    }
    clips = []
    for row in rows:
        try:
            start, end = (int(float(row[key]) * SAMPLE_RATE) for key in ("start_s", "end_s"))
        except ValueError as error:
            raise InputError(f"{path}: start_s and end_s of {row['file']} must be seconds") from error
        clips.append(Clip(decoded[row["file"]], start, end, row["source"], row[group]))
    return tuple(clips)


def _read_rir(path: Path) -> Float32:
    """An impulse response from its direct sound on, at unit energy."""
    response = _read_mono(path, "float32")
    response = response[int(np.argmax(np.abs(response))) :]
    return np.asarray(response / np.sqrt(np.sum(response**2)), dtype=np.float32)


def read_corpus(folder: Path, cache: Path) -> Corpus:
    """Read the corpus of a data folder; decoded samples are kept in ``cache`` and mapped from there.

    Raises:
        InputError: a table or a column is missing, or a recording is missing, unreadable or not 16 kHz mono.
    """
    cache.mkdir(parents=True, exist_ok=True)
    return Corpus(
        speech=_read_clips(folder, "speech.csv", "speaker", cache),
        noise=_read_clips(folder, "noise.csv", "source", cache),
        rirs=tuple(_read_rir(path) for path in sorted((folder / "train" / "rir").glob("*.flac"))),
    )

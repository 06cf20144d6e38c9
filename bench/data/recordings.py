"""Recordings to evaluate on: what one is, what a set of them is, and how their files are read."""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile

from ...core.arrays import Float32
from ...errors import InputError
from ..metrics import SAMPLE_RATE

__all__ = [
    "NOISY",
    "Float32",
    "Item",
    "Recordings",
    "Sample",
    "align_length",
    "at_scored_rate",
    "audio_files",
    "read_speech",
    "require_names",
    "require_noisy",
    "spread",
]

#: The signal that systems are held against: the recordings themselves.
NOISY = "noisy"

#: Endings of audio files; others in a folder are left alone.
AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff"})

#: Signals of one recording may differ in length by this much: codecs and block-wise tools pad and trim.
MAX_LENGTH_DIFFERENCE_S = 0.1


@dataclass(frozen=True, eq=False)
class Item:
    """One recording to enhance and to score.

    Attributes:
        id: unique name.
        condition: what disturbs the speech: ``noise``, ``babble``, ``talker`` or ``clean``.
        snr_db: level of the speech over the disturbance; infinite where there is none.
        noisy: float32 ``[samples]`` at 16 kHz; empty where only its enhanced form is there to be scored.
        clean: the reference, float32 ``[samples]``, aligned with ``noisy``.
        kind: what else sets it apart, such as whether the speaker was seen in training.
        video: the video of the speaker, where there is one.
        speaker: who speaks, where that is known.
    """

    id: str
    condition: str
    snr_db: float
    noisy: Float32
    clean: Float32
    kind: str = ""
    video: Path | None = None
    speaker: str = ""


class Recordings(Protocol):
    """A set of recordings: knows their names and videos at once, reads the sound one by one."""

    name: str

    @property
    def notes(self) -> Sequence[str]:
        """What is there and is not used, one line each."""
        ...

    @property
    def ids(self) -> list[str]:
        """The id of each recording, in order."""
        ...

    @property
    def videos(self) -> Sequence[tuple[str, Path]]:
        """Speaker and file of every video of the set."""
        ...

    def __iter__(self) -> Iterator[Item]: ...


class Sample:
    """`Recordings`: some of a set, for a quick look.

    Args:
        whole: the set.
        count: how many of it, spread evenly; all where it has no more.

    Raises:
        InputError: a count below 1.
    """

    def __init__(self, whole: Recordings, count: int) -> None:
        if count < 1:
            raise InputError("--limit must be at least 1")
        self._whole, self._kept = whole, spread(whole.ids, count)
        self.name = whole.name

    @property
    def notes(self) -> Sequence[str]:
        """Those of the set, and what is left out."""
        size, kept = len(self._whole.ids), len(self._kept)
        only = [f"{self.name}: {kept} of {size} recordings, spread evenly"] if kept < size else []
        return [*self._whole.notes, *only]

    @property
    def ids(self) -> list[str]:
        """The id of each recording, in order."""
        return [name for name in self._whole.ids if name in self._kept]

    @property
    def videos(self) -> Sequence[tuple[str, Path]]:
        """Speaker and file of every video of the set, whole."""
        return self._whole.videos

    def __iter__(self) -> Iterator[Item]:
        return (item for item in self._whole if item.id in self._kept)


def spread(names: Sequence[str], count: int) -> set[str]:
    """So many of the names, evenly spread from the first to the last."""
    places = np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int)
    return {names[place] for place in places}


def require_noisy(item: Item) -> None:
    """Refuse a recording that holds nothing to enhance.

    Raises:
        InputError: names the recording.
    """
    if not item.noisy.size:
        raise InputError(f"'{item.id}' has no noisy recording to enhance: name the folder with --noisy")


def audio_files(folder: Path) -> dict[str, Path]:
    """The audio files of a folder by their names without ending, sorted.

    Raises:
        InputError: the folder is missing, holds no audio, or one name twice.
    """
    if not folder.is_dir():
        raise InputError(f"'{folder}' is no folder")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in AUDIO_SUFFIXES:
            if path.stem in found:
                raise InputError(f"'{folder}' holds '{path.stem}' with two endings: keep one of them")
            found[path.stem] = path
    if not found:
        raise InputError(f"'{folder}' holds no audio files ({', '.join(sorted(AUDIO_SUFFIXES))})")
    return found


def require_names(wanted: Iterable[str], given: Collection[str], where: str) -> None:
    """Refuse a folder that lacks a recording.

    Raises:
        InputError: names the first one that is missing and how many more there are.
    """
    missing = sorted(set(wanted).difference(given))
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(f"{where} has no '{missing[0]}'{more}: names must be the same in all folders")


def read_speech(path: Path) -> Float32:
    """Read one channel of audio at any rate as float32 ``[samples]`` at 16 kHz.

    Raises:
        InputError: the file cannot be read or has several channels.
    """
    try:
        wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise InputError(f"cannot read '{path}' as audio: {error}") from error
    if wave.shape[1] != 1:
        raise InputError(f"'{path}' has {wave.shape[1]} channels: scores are for one, so keep one of them")
    return np.asarray(at_scored_rate(wave[:, 0], rate), np.float32)


def align_length(wave: Float32, samples: int, what: str) -> Float32:
    """Cut or pad the end of a signal to the length of its reference.

    Raises:
        InputError: it differs by more than `MAX_LENGTH_DIFFERENCE_S`.
    """
    difference = wave.size - samples
    if abs(difference) > MAX_LENGTH_DIFFERENCE_S * SAMPLE_RATE:
        raise InputError(
            f"{what} is {difference / SAMPLE_RATE:+.2f} s off the length of its reference: align them first"
        )
    return wave[:samples] if difference >= 0 else np.pad(wave, (0, -difference))


def at_scored_rate(wave: Float32, rate: int) -> Float32:
    """A signal of any rate in Hz, float32 ``[samples]``, at the 16 kHz that metrics are for."""
    if rate == SAMPLE_RATE:
        return wave
    from scipy.signal import resample_poly

    common = math.gcd(rate, SAMPLE_RATE)
    return np.asarray(resample_poly(wave, SAMPLE_RATE // common, rate // common), np.float32)

"""Recordings of one's own to evaluate on: two or three folders of files, or a list of files."""

import csv
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import soundfile

from ...errors import InputError
from ..metrics.intrusive import SAMPLE_RATE
from .builtin import Float32, Item

#: Endings of audio files; others in a folder are left alone.
AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff"})

#: Columns of a list. Paths are relative to the list's own folder.
REQUIRED_COLUMNS = ("noisy", "clean")
OPTIONAL_COLUMNS = ("id", "snr", "condition", "speaker", "kind", "video")

#: Signals of one recording may differ in length by this much: codecs and block-wise tools pad and trim.
MAX_LENGTH_DIFFERENCE_S = 0.1


class Recordings(Protocol):
    """A set of recordings: knows their names and videos at once, reads the sound one by one."""

    name: str

    @property
    def ids(self) -> list[str]:
        """The id of each recording, in order."""
        ...

    @property
    def videos(self) -> list[tuple[str, Path]]:
        """Speaker and file of every video of the set."""
        ...

    def __iter__(self) -> Iterator[Item]: ...


class FolderPairs:
    """Recordings in folders, those of one recording under the same name (whatever its ending).

    Args:
        clean: the references.
        noisy: what was recorded; None where only enhanced files are there to be scored.
        name: of the set.

    Raises:
        InputError: a folder is missing or empty, or a file has no partner.
    """

    def __init__(self, clean: Path, noisy: Path | None = None, name: str = "folders") -> None:
        self.name = name
        self._clean = audio_files(clean)
        self._noisy = audio_files(noisy) if noisy is not None else None
        if self._noisy is not None:
            require_names(self._clean, self._noisy, f"'{noisy}'")

    @property
    def ids(self) -> list[str]:
        """The names of the files without ending."""
        return list(self._clean)

    @property
    def videos(self) -> list[tuple[str, Path]]:
        """None: folders hold sound only."""
        return []

    def __iter__(self) -> Iterator[Item]:
        for stem, path in self._clean.items():
            clean = read_speech(path)
            noisy = np.zeros(0, np.float32)
            if self._noisy is not None:
                noisy = align_length(read_speech(self._noisy[stem]), clean.size, f"'{self._noisy[stem]}'")
            yield Item(stem, "files", math.nan, noisy, clean)


class ManifestPairs:
    """Recordings in a CSV list with the columns ``noisy`` and ``clean``, and any of `OPTIONAL_COLUMNS`.

    Args:
        table: the list; ``snr`` is in dB and may be empty.

    Raises:
        InputError: the list cannot be read, lacks a column, names a file that is missing or an id twice.
    """

    def __init__(self, table: Path) -> None:
        self.name = table.stem
        try:
            with table.open(newline="", encoding="utf-8-sig") as lines:
                rows = list(csv.DictReader(lines))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"cannot read the list '{table}': {error}") from error
        missing = set(REQUIRED_COLUMNS) - set(rows[0] if rows else ())
        if missing:
            raise InputError(f"'{table}' has no rows with the columns {', '.join(sorted(missing))}")
        self._rows = [_manifest_row(row, table, line) for line, row in enumerate(rows, start=2)]
        counts = Counter(row.id for row in self._rows)
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            raise InputError(f"'{table}' names '{twice[0]}' twice: give each recording an id of its own")

    @property
    def ids(self) -> list[str]:
        """The id of each row."""
        return [row.id for row in self._rows]

    @property
    def videos(self) -> list[tuple[str, Path]]:
        """Speaker and file of every video of the list."""
        return list({row.video: (row.speaker, row.video) for row in self._rows if row.video}.values())

    def __iter__(self) -> Iterator[Item]:
        for row in self._rows:
            clean = read_speech(row.clean)
            noisy = align_length(read_speech(row.noisy), clean.size, f"'{row.noisy}'")
            yield Item(row.id, row.condition, row.snr_db, noisy, clean, row.kind, row.video, row.speaker)


class _Row(NamedTuple):
    id: str
    noisy: Path
    clean: Path
    snr_db: float
    condition: str
    speaker: str
    kind: str
    video: Path | None


def _manifest_row(row: Mapping[str, str | None], table: Path, line: int) -> _Row:
    paths = {}
    for column in (*REQUIRED_COLUMNS, "video"):
        text = row.get(column)
        if text:
            paths[column] = table.parent / text
            if not paths[column].is_file():
                raise InputError(f"'{table}' line {line}: there is no file '{paths[column]}'")
        elif column in REQUIRED_COLUMNS:
            raise InputError(f"'{table}' line {line}: the column '{column}' is empty")
    try:
        snr_db = float(row.get("snr") or math.nan)
    except ValueError as error:
        raise InputError(f"'{table}' line {line}: snr '{row['snr']}' is no number of dB") from error
    return _Row(
        id=row.get("id") or paths["noisy"].stem,
        noisy=paths["noisy"],
        clean=paths["clean"],
        snr_db=snr_db,
        condition=row.get("condition") or "files",
        speaker=row.get("speaker") or "",
        kind=row.get("kind") or "",
        video=paths.get("video"),
    )


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
    return np.asarray(_at_scored_rate(wave[:, 0], rate), np.float32)


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


def _at_scored_rate(wave: Float32, rate: int) -> Float32:
    if rate == SAMPLE_RATE:
        return wave
    from scipy.signal import resample_poly

    common = math.gcd(rate, SAMPLE_RATE)
    return np.asarray(resample_poly(wave, SAMPLE_RATE // common, rate // common), np.float32)

"""Recordings of one's own to evaluate on: two or three folders of files, or a list of files."""

import csv
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import InputError
from .recordings import Item, align_length, audio_files, read_speech, require_names

#: Columns of a list. Paths are relative to the list's own folder.
REQUIRED_COLUMNS = ("noisy", "clean")
OPTIONAL_COLUMNS = ("id", "snr", "condition", "speaker", "kind", "video")


class FolderPairs:
    """Recordings in folders, those of one recording under the same name (whatever its ending).

    Args:
        clean: the references.
        noisy: what was recorded; None where only enhanced files are there to be scored.
        name: of the set.

    Attributes:
        notes: that noisy files without a reference are not used, where there are any.

    Raises:
        InputError: a folder is missing or empty, or a reference has no noisy file.
    """

    def __init__(self, clean: Path, noisy: Path | None = None, name: str = "folders") -> None:
        self.name = name
        self.notes: list[str] = []
        self._clean = audio_files(clean)
        self._noisy = audio_files(noisy) if noisy is not None else None
        if self._noisy is not None:
            require_names(self._clean, self._noisy, f"'{noisy}'")
            unused = sorted(set(self._noisy) - set(self._clean))
            if unused:
                more = f" and {len(unused) - 1} more" if len(unused) > 1 else ""
                self.notes.append(f"'{noisy}' has no reference for '{unused[0]}'{more}: not used")

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
        self.notes: list[str] = []
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

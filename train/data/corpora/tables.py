"""A folder with tables of its recordings: ``train/speech.csv``, ``noise.csv``, ``av.csv``, and ``train/rir``.

Columns, others are for people: file, start_s, end_s, source, speaker (speech); file, start_s, end_s, source
(noise); file, speaker (faces). A column licence is read where there is one. A recipe that names such a folder
reads it without a manifest.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from ....errors import InputError
from ..manifest import UNKNOWN_LICENCE, Item
from .scan import Adapter

#: Share of the LibriSpeech speakers kept for validation. Noise and faces are held out by name, in the recipe.
_HELD_OUT_SPEAKERS = 0.08


def is_held_out(speaker: str) -> bool:
    """Whether a speaker is for validation, by a hash of the name that does not change between runs."""
    digest = sum(byte * 31**k for k, byte in enumerate(speaker.encode())) % 1000
    return "/ls" in speaker and digest < 1000 * _HELD_OUT_SPEAKERS


def _read_table(path: Path, columns: set[str]) -> list[dict[str, str]]:
    if not path.is_file():
        raise InputError(f"{path} is missing: point the recipe's data at a folder with train/{path.name}")
    with path.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    missing = columns - set(rows[0] if rows else ())
    if missing:
        raise InputError(f"{path} has no rows with the columns {', '.join(sorted(missing))}")
    return rows


def _sounds(path: Path, kind: str) -> Iterator[Item]:
    columns = {"file", "start_s", "end_s", "source"} | ({"speaker"} if kind == "speech" else set())
    for row in _read_table(path, columns):
        speaker = row["speaker"] if kind == "speech" else ""
        split = "valid" if is_held_out(speaker) else "train"
        licence = row.get("licence", UNKNOWN_LICENCE)
        try:
            place = float(row["start_s"]), float(row["end_s"])
            item = Item(kind, row["file"], row["source"], speaker, split, *place, licence=licence)
        except ValueError as error:
            raise InputError(f"{path}: start_s and end_s of {row['file']} must be seconds") from error
        yield item


def _find(folder: Path) -> Iterator[Item]:
    yield from _sounds(folder / "train" / "speech.csv", "speech")
    yield from _sounds(folder / "train" / "noise.csv", "noise")
    for path in sorted((folder / "train" / "rir").glob("*.flac")):
        yield Item("rir", path.relative_to(folder).as_posix(), "rooms")
    faces = folder / "train" / "av.csv"
    if faces.is_file():
        for row in _read_table(faces, {"file", "speaker"}):
            source, licence = row.get("source", "faces"), row.get("licence", UNKNOWN_LICENCE)
            yield Item("face", row["file"], source, row["speaker"], licence=licence)


ADAPTER = Adapter(
    "tables",
    "a folder with tables of its recordings",
    "train/speech.csv and train/noise.csv with the columns file, start_s, end_s, source (and speaker), and "
    "maybe train/av.csv with file and speaker, and train/rir/*.flac",
    _find,
)

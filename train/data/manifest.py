"""Manifests: which recordings there are, whose they are, and on which side of the split.

A manifest is a text file of JSON lines (UTF-8). The first line is its header,

    {"format": "lipstream-manifest", "version": 1, "corpus": "grid", "root": "../grid"}

and each other line an `Item`. ``root`` is relative to the manifest, ``file`` to ``root``. docs/data.md tells
all about it.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ...core.storage import written_whole
from ...errors import InputError

FORMAT = "lipstream-manifest"
#: Of a list of shards, see `shards`.
SHARDS = "lipstream-shards"
VERSION = 1
KINDS = ("speech", "noise", "rir", "face")
SPLITS = ("train", "valid", "test")
UNKNOWN_LICENCE = "unknown"


@dataclass(frozen=True)
class Item:
    """One recording, or a part of one.

    Attributes:
        kind: one of `KINDS`: clean speech, noise, a room impulse response, or a talking face with its sound.
        file: relative to the manifest's root, with forward slashes.
        source: the collection it comes from, by which recipes weigh it and hold it out.
        speaker: who talks; empty for noise and rooms. Unique over all corpora: ``grid/s1``.
        split: one of `SPLITS`; what is "test" is never trained on, nor validated with.
        start_s, end_s: the part of the file in seconds; an end of None is that of the file. A face is a
            whole file.
        sample_rate: of the sound in the file, in Hz; None if nobody has looked.
        licence: as its publisher names it.
        noisy: for speech, the same recording with noise, of equal length, relative to the root; may be empty.

    Raises:
        InputError: a value of the wrong type or out of its range.
    """

    kind: str
    file: str
    source: str
    speaker: str = ""
    split: str = "train"
    start_s: float = 0.0
    end_s: float | None = None
    sample_rate: int | None = None
    licence: str = UNKNOWN_LICENCE
    noisy: str = ""

    def __post_init__(self) -> None:
        for name in ("kind", "file", "source", "speaker", "split", "licence", "noisy"):
            if not isinstance(getattr(self, name), str):
                raise InputError(f"{name} must be a string, not {getattr(self, name)!r}")
        if self.kind not in KINDS or self.split not in SPLITS:
            raise InputError(f"kind must be one of {', '.join(KINDS)}, split one of {', '.join(SPLITS)}")
        if not self.file or not self.source or (self.kind in ("speech", "face") and not self.speaker):
            raise InputError("file and source are needed, and a speaker for speech and faces")
        _check_number("start_s", self.start_s, 0.0)
        if self.end_s is not None:
            _check_number("end_s", self.end_s, self.start_s)
        if self.sample_rate is not None and (type(self.sample_rate) is not int or self.sample_rate < 1):
            raise InputError(f"sample_rate must be a whole number of Hz, not {self.sample_rate!r}")
        if self.kind == "face" and self.start_s > 0.0:
            raise InputError("a face is a whole file: start_s must be 0")


@dataclass(frozen=True)
class Manifest:
    """Recordings of one corpus under one folder."""

    corpus: str
    root: Path
    items: tuple[Item, ...]

    def path(self, item: Item) -> Path:
        """Where the recording is."""
        return self.root / item.file


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write a manifest whole or not at all; values that are the defaults of `Item` are left out.

    Raises:
        InputError: the file cannot be written.
    """
    root = os.path.relpath(manifest.root.resolve(), path.parent.resolve())
    header = {"format": FORMAT, "version": VERSION, "corpus": manifest.corpus, "root": Path(root).as_posix()}
    try:
        with written_whole(path) as partial, partial.open("w", encoding="utf-8") as handle:
            for line in (header, *map(_row, manifest.items)):
                handle.write(json.dumps(line) + "\n")
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror})") from error


def read_manifest(path: Path) -> Manifest:
    """Read a manifest; whether its recordings are there is not looked at.

    Raises:
        InputError: no such file, no manifest, one of a later version, or a bad row, named by its line.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such manifest; make one with lipstream data") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no manifest: make one with lipstream data") from error
    header = _parse(path, 1, lines[0] if lines else "")
    if header.get("format") == SHARDS:
        raise InputError(
            f"{path} lists shards, which only lipstream train reads: name the manifests they were made of"
        )
    if header.get("format") != FORMAT:
        raise InputError(f"{path} is no manifest: make one with lipstream data")
    if header.get("version") != VERSION:
        raise InputError(
            f"{path} has version {header.get('version')} of the manifest and this lipstream reads {VERSION}: "
            "make it again with lipstream data"
        )
    if not isinstance(header.get("root"), str):
        raise InputError(f"{path}: the first line must name the root of its files")
    items = tuple(_item(path, number, line) for number, line in enumerate(lines[1:], 2) if line.strip())
    return Manifest(str(header.get("corpus", path.stem)), path.parent / header["root"], items)


def speakers_on_both_sides(items: Iterable[Item]) -> set[str]:
    """Speakers whom more than one split hears: there should be none."""
    seen: dict[str, str] = {}
    return {
        item.speaker
        for item in items
        if item.speaker and seen.setdefault(item.speaker, item.split) != item.split
    }


def _row(item: Item) -> dict[str, Any]:
    """The fields of an item that differ from their defaults, in their order."""
    defaults = {field.name: field.default for field in fields(Item)}
    return {name: value for name, value in asdict(item).items() if value != defaults[name]}


def _item(path: Path, number: int, line: str) -> Item:
    row = _parse(path, number, line)
    unknown = sorted(set(row) - {field.name for field in fields(Item)})
    if unknown:
        raise InputError(f"{path}, line {number}: unknown field '{unknown[0]}'")
    try:
        return Item(**row)
    except TypeError as error:
        raise InputError(f"{path}, line {number}: kind, file and source are needed") from error
    except InputError as error:
        raise InputError(f"{path}, line {number}: {error}") from error


def _parse(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}, line {number}: no JSON: make it again with lipstream data") from error
    if not isinstance(row, dict):
        raise InputError(f"{path}, line {number}: no JSON object: make it again with lipstream data")
    return row


def _check_number(name: str, value: object, least: float) -> None:
    """NaN fails every comparison, so this asks for what is right."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < float("inf"):
        raise InputError(f"{name} must be seconds of at least {least:g}, not {value!r}")

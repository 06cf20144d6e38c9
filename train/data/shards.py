"""Shards: recordings packed into tar files, in an order that mixes speakers, with a list of the files.

A shard is a tar as WebDataset reads it: for each recording ``000012.json`` (source, speaker, split, licence),
``000012.wav`` (mono, 16-bit, 16 kHz) and, where there is one, its noisy twin ``000012.noisy.wav``. The sound
is not compressed, so that it is mapped and not decoded: every process of a computer reads the same pages of
memory, and a shard costs none of its own.

The list is JSON lines, a header as that of a manifest and then a line for each shard. docs/data.md has more.
"""

import io
import json
import struct
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core.storage import written_whole
from ...errors import InputError
from .corpus import Clip
from .manifest import SHARDS, VERSION, Item
from .recordings import SAMPLE_RATE, Int16

#: Kinds of recordings that are packed; rooms and faces are few, and stay in manifests.
KINDS = ("speech", "noise")
#: Name of the list in its folder.
LIST = "shards.jsonl"

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
#: Shards that stay mapped; each costs address space and no memory of its own.
_MOST_MAPPED = 1024


@dataclass(frozen=True)
class Shard:
    """A file of recordings of one kind, source and side of the split.

    Attributes:
        file: relative to the list.
        kind: one of `KINDS`.
        source, split: as in `Item`.
        items: how many recordings.
        licences: seconds of sound under each licence.
    """

    file: str
    kind: str
    source: str
    split: str
    items: int
    licences: Mapping[str, float] = field(default_factory=dict)

    def seconds(self, excluded: tuple[str, ...] = ()) -> float:
        """Length of its recordings, without those whose licence contains one of the excluded names."""
        return sum(length for licence, length in self.licences.items() if not _is_out(licence, excluded))


@dataclass(frozen=True)
class ShardList:
    """The shards of a folder."""

    root: Path
    shards: tuple[Shard, ...]


def write_list(shards: ShardList, path: Path) -> None:
    """Write the list whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    lines = [{"format": SHARDS, "version": VERSION}, *map(asdict, shards.shards)]
    try:
        with written_whole(path) as partial:
            partial.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror})") from error


def is_list(place: Path) -> bool:
    """Whether a file is a list of shards, whatever else there is."""
    if not place.is_file():
        return False
    with place.open("rb") as file:
        return SHARDS.encode() in file.readline(200)


def read_list(path: Path) -> ShardList:
    """Read a list of shards; each of its files must be there.

    Raises:
        InputError: no such file, no list, one of a later version, or a shard that is missing.
    """
    remedy = "make it again with lipstream data shard"
    try:
        header, *lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if header["version"] != VERSION:
            raise InputError(f"{path} is of version {header['version']}, not {VERSION}: {remedy}")
        shards = tuple(Shard(**line) for line in lines)
    except (OSError, ValueError, TypeError, KeyError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is no list of shards ({error}): {remedy}") from error
    for shard in shards:
        if not (path.parent / shard.file).is_file():
            raise InputError(f"{path.parent / shard.file} is listed in {path.name} but missing: {remedy}")
    return ShardList(path.parent, shards)


@lru_cache(maxsize=_MOST_MAPPED)
def _mapped(file: Path) -> npt.NDArray[np.uint8]:
    return np.memmap(file, np.uint8, "r")


@dataclass(frozen=True)
class Packed:
    """A recording in a shard. Another process that is handed one maps the shard for itself."""

    file: Path
    offset: int
    count: int

    @property
    def samples(self) -> Int16:
        """All samples, int16 ``[N]`` at 16 kHz, mapped from the file."""
        part = _mapped(self.file)[self.offset : self.offset + 2 * self.count]
        return part.view("<i2")


def write_shard(path: Path, recordings: Iterable[tuple[Item, Int16, Int16 | None]]) -> None:
    """Write a shard whole or not at all.

    Args:
        path: of it.
        recordings: what each is, its samples at 16 kHz, and those of its noisy twin.

    Raises:
        OSError: it cannot be written.
    """
    with written_whole(path) as partial, tarfile.open(partial, "w", format=tarfile.USTAR_FORMAT) as tar:
        for number, (item, samples, noisy) in enumerate(recordings):
            told = {name: getattr(item, name) for name in ("kind", "source", "speaker", "split", "licence")}
            _add(tar, f"{number:06}.json", json.dumps(told).encode())
            _add(tar, f"{number:06}.wav", _wav(samples))
            if noisy is not None:
                _add(tar, f"{number:06}.noisy.wav", _wav(noisy))


def read_shard(path: Path, excluded: tuple[str, ...] = ()) -> Iterator[Clip]:
    """The recordings of a shard, in their order; their sound is mapped when it is drawn.

    Args:
        path: of it.
        excluded: recordings whose licence contains one of these are left out (case does not count).

    Raises:
        InputError: it is damaged, or no shard of this project.
    """
    members: dict[str, dict[str, Any]] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                key, _, ending = member.name.partition(".")
                held = members.setdefault(key, {})
                if ending == "json":
                    read = tar.extractfile(member)
                    held["told"] = json.loads(read.read() if read else b"")
                else:
                    held[ending] = Packed(
                        path, member.offset_data + _HEADER.size, (member.size - _HEADER.size) // 2
                    )
        for held in members.values():
            told, sound = held["told"], held["wav"]
            if not _is_out(told["licence"], excluded):
                group = told["speaker"] or told["source"]
                noisy = held.get("noisy.wav")
                yield Clip(sound, 0, sound.count, told["source"], group, told["split"], noisy)
    except (OSError, tarfile.TarError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} is damaged or no shard ({error}): make it again with lipstream data shard"
        ) from error


def described(path: Path, root: Path) -> Shard:
    """A shard as the list tells of it, found out by reading it.

    Raises:
        InputError: it is damaged.
    """
    licences: dict[str, float] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            told: dict[str, str] = {}
            items = 0
            for member in tar:
                if member.name.endswith(".json"):
                    read = tar.extractfile(member)
                    told = json.loads(read.read() if read else b"")
                    items += 1
                elif not member.name.endswith(".noisy.wav"):
                    seconds = (member.size - _HEADER.size) / 2 / SAMPLE_RATE
                    licences[told["licence"]] = licences.get(told["licence"], 0.0) + seconds
        file = path.relative_to(root).as_posix()
        if not items:  # none of its recordings could be read
            return Shard(file, KINDS[0], "", "train", 0)
        kept = {licence: round(seconds, 3) for licence, seconds in licences.items()}
        return Shard(file, told["kind"], told["source"], told["split"], items, kept)
    except (OSError, tarfile.TarError, ValueError, KeyError) as error:
        raise InputError(f"{path} is damaged ({error}): delete it, and give the command again") from error


def _is_out(licence: str, excluded: tuple[str, ...]) -> bool:
    return any(name.lower() in licence.lower() for name in excluded)


def _wav(samples: Int16) -> bytes:
    data = samples.astype("<i2").tobytes()
    sizes = (16, 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16)
    return _HEADER.pack(b"RIFF", 36 + len(data), b"WAVE", b"fmt ", *sizes, b"data", len(data)) + data


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))

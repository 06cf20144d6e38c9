"""What the adapters share: walking a folder, holding out by hash, and measuring what was found.

An adapter knows the layout of one corpus. It yields an `Item` for each recording by its name alone;
lengths and rates are filled in here, and files that cannot be read are left out.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from ....errors import InputError
from ..manifest import Item, Manifest

AUDIO = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff"})
VIDEO = frozenset({".mp4", ".mpg", ".mpeg", ".avi", ".mkv", ".mov", ".webm"})

#: Share of a pool of noise or rooms that is kept for validation.
HELD_OUT_NOISE = 0.05

Progress = Callable[[float, float], None]


@dataclass(frozen=True)
class Adapter:
    """One corpus.

    Attributes:
        name: of the corpus, and of its command.
        title: what it is, in a few words.
        layout: what the folder must look like, told in the help and where nothing is found.
        find: yields the recordings under a folder.
    """

    name: str
    title: str
    layout: str
    find: Callable[[Path], Iterable[Item]]

    def read(self, folder: Path) -> Manifest:
        """All recordings under a folder, not measured yet.

        Raises:
            InputError: the folder is missing, or holds nothing of this corpus.
        """
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder: {self.name} is expected as {self.layout}")
        items = tuple(self.find(folder))
        if not items:
            raise InputError(f"nothing of {self.name} in {folder}: expected {self.layout}")
        return Manifest(self.name, folder, items)


class Measured(NamedTuple):
    """A manifest whose items have their lengths and rates, and what had to be left out, with the reason."""

    manifest: Manifest
    left_out: tuple[str, ...]


def files_below(folder: Path, suffixes: frozenset[str]) -> Iterator[Path]:
    """Files with one of the suffixes anywhere below a folder, relative to it, in an order of their names.

    Links are followed; names that begin with a dot are passed over.
    """
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if path.suffix.lower() in suffixes and not name.startswith("."):
                yield path.relative_to(folder)


def with_speech(items: Iterable[Item]) -> Iterator[Item]:
    """The items, and where there are films but no sound files, the sound of the films as speech, too."""
    listed = list(items)
    yield from listed
    if all(item.kind == "face" for item in listed):
        yield from (replace(item, kind="speech") for item in listed)


def held_out(names: Iterable[str], share: float) -> frozenset[str]:
    """The share of the names with the smallest hashes: at least one, but never all.

    The same names give the same choice on every machine, and a name that is added moves one other at most.
    """
    ranked = sorted(set(names), key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    count = min(max(round(share * len(ranked)), 1), len(ranked) - 1) if share > 0.0 else 0
    return frozenset(ranked[:count])


def measure_items(manifest: Manifest, progress: Progress) -> Measured:
    """Look into each file for its length and rate.

    Raises:
        InputError: not one of the files can be read.
    """
    from ..recordings import measure_all

    found = measure_all(map(manifest.path, manifest.items), progress)
    items = []
    for item in manifest.items:
        length = found[manifest.path(item)]
        if not isinstance(length, InputError):
            end_s = round(length.seconds, 3) if item.end_s is None else item.end_s
            items.append(replace(item, end_s=end_s, sample_rate=length.sample_rate))
    left_out = tuple(str(reason) for reason in found.values() if isinstance(reason, InputError))
    if not items:
        raise InputError(f"none of {len(found)} files can be read, such as: {left_out[0]}")
    return Measured(replace(manifest, items=tuple(items)), left_out)

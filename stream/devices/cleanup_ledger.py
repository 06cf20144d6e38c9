"""Notes of what a process has made outside itself, so that a later one can clean up after a crash.

An entry is a small JSON file that its process holds locked. The system drops the lock with the process,
however that ends: an entry that can be locked is abandoned. For systems with `fcntl`.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

Notes = dict[str, str | None]


@dataclass(frozen=True)
class LedgerEntry:
    """Notes on disk, locked until they are released.

    Attributes:
        path: the file.
        file: the same, open and locked.
        notes: what must be known to clean up.
    """

    path: Path
    file: IO[str]
    notes: Notes

    @classmethod
    def make(cls, path: Path, notes: Notes) -> Self:
        """Write notes to a new file; its folder is made.

        Raises:
            OSError: the folder cannot be written.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # It gets its name when it is whole and locked, so that nobody takes it for abandoned before.
        hidden = path.with_name(f".{path.name}")
        file = hidden.open("x+", encoding="utf-8")
        _try_lock(file)
        json.dump(notes, file)
        file.flush()
        os.replace(hidden, path)
        return cls(path, file, notes)

    def release(self) -> None:
        """All is cleaned up: remove the file."""
        self.path.unlink(missing_ok=True)
        self.file.close()

    def abandon(self) -> None:
        """It could not be cleaned up: leave that to a later process."""
        self.file.close()


def abandoned_entries(folder: Path, prefix: str) -> Iterator[LedgerEntry]:
    """The entries of processes that are gone, each locked by this one until the next is asked for."""
    for path in sorted(folder.glob(f"{prefix}*.json")):
        try:
            file = path.open("r+", encoding="utf-8")
        except FileNotFoundError:  # released in the meantime
            continue
        with file:
            if not _try_lock(file):
                continue
            try:
                notes = json.load(file)
            except ValueError:  # a full disk: nothing was made after that
                path.unlink()
                continue
            yield LedgerEntry(path, file, notes)


def _try_lock(file: IO[str]) -> bool:
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

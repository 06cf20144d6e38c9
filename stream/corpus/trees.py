"""The tree that recordings come from, and the one their clean forms go to: folders, or places by a URL.

What has ``://`` in its name goes through fsspec (S3, GCS, Azure, HDFS, SFTP, ...): a worker fetches a file,
works on it here, and puts the result up under another name before it gets its own. Folders are used directly.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from ...core.extras import needs_extra
from ...core.storage import is_partial, partial_path
from ...errors import InputError


class Found(NamedTuple):
    """A file of a tree.

    Attributes:
        size: in bytes.
        version: what changes when the file does: its size and when it was written.
    """

    size: int
    version: str


@dataclass(frozen=True)
class Tree:
    """Files under one root; their names are relative to it, with forward slashes.

    Args:
        root: a folder, or a URL that fsspec understands.
    """

    root: str

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine, or of all that have it mounted."""
        return "://" not in self.root

    @cached_property
    def _system(self) -> tuple[Any, str]:
        """The file system of fsspec, and the root on it."""
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            raise needs_extra(f"'{self.root}' (a place by its URL)", "ray", error) from error
        try:
            system, root = url_to_fs(self.root)
        except (ImportError, ValueError) as error:
            raise InputError(f"'{self.root}' cannot be used: {error}") from error
        return system, root.rstrip("/")

    def path(self, name: str) -> str:
        """The whole path or URL of a file."""
        return f"{self.root.rstrip('/')}/{name}"

    def files(self) -> dict[str, Found]:
        """All files but hidden ones, in the order of their names; empty where there is no such place.

        Raises:
            InputError: it cannot be listed.
        """
        found = self._local_files() if self.is_local else self._remote_files()
        visible = (
            (name, file) for name, file in found if not any(part[0] == "." for part in name.split("/"))
        )
        return dict(sorted(visible))

    def _local_files(self) -> Iterator[tuple[str, Found]]:
        for folder, _, names in os.walk(self.root, followlinks=True):
            for name in names:
                path = os.path.join(folder, name)
                with suppress(FileNotFoundError):  # a dangling link, or gone meanwhile
                    stat = os.stat(path)
                    where = Path(os.path.relpath(path, self.root)).as_posix()
                    yield where, Found(stat.st_size, f"{stat.st_size}-{stat.st_mtime_ns}")

    def _remote_files(self) -> Iterator[tuple[str, Found]]:
        system, root = self._system
        with _told(self.root):
            system.invalidate_cache()
            try:
                listed = system.find(root, detail=True)
            except FileNotFoundError:
                listed = {}
        for path, info in listed.items():
            written = next((info[key] for key in ("mtime", "LastModified", "created") if key in info), "")
            size = int(info.get("size") or 0)
            yield path[len(root) :].lstrip("/"), Found(size, f"{size}-{written}")

    def fetch(self, name: str, folder: Path) -> Path:
        """A file as one of this machine: itself, or a copy in ``folder`` under its own name.

        Raises:
            InputError: it is not there, or does not come.
        """
        if self.is_local:
            return Path(self.path(name))
        return fetched(self.path(name), folder)

    @contextmanager
    def written(self, name: str, folder: Path) -> Iterator[Path]:
        """A path to write a file to, which is at its place, whole, when the block ends well.

        Args:
            name: of the file; the folders above it are made.
            folder: where it lies meanwhile, if the tree is elsewhere.

        Raises:
            InputError: the place takes no file.
        """
        if self.is_local:
            path = Path(self.path(name))
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(f"{path.parent} cannot be made ({error.strerror})") from error
            yield path  # what writes a recording writes it whole
            return
        made = folder / PurePosixPath(name).name
        yield made
        system, root = self._system
        final = f"{root}/{name}"
        beside = f"{final.rpartition('/')[0]}/{partial_path(made).name}"
        with _told(self.path(name)):
            system.makedirs(final.rpartition("/")[0], exist_ok=True)
            system.put_file(str(made), beside)
            system.mv(beside, final)

    def forget_partial(self) -> None:
        """Remove what dead workers left half written; nobody may be writing."""
        if not self.is_local:
            return  # there only whole files are put up
        for folder, _, names in os.walk(self.root):
            for name in filter(is_partial, names):
                with suppress(OSError):
                    os.unlink(os.path.join(folder, name))


def fetched(url: str, folder: Path) -> Path:
    """A copy of a file elsewhere, in ``folder``, under its own name.

    Raises:
        InputError: it is not there, or does not come.
    """
    parent, _, name = url.rpartition("/")
    system, root = Tree(parent)._system
    with _told(url):
        system.get_file(f"{root}/{name}", str(folder / name))
    return folder / name


@contextmanager
def _told(what: str) -> Iterator[None]:
    """What a file system elsewhere refuses becomes an InputError; each has errors of its own."""
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{what} does not exist") from error
    except Exception as error:
        raise InputError(f"{what} cannot be reached ({type(error).__name__}: {error})") from error

"""Where files go and how they are written: folders of the user, and files that appear whole or not at all.

At import with the standard library alone: setup.py comes here before anything is installed.
"""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError

_APPLICATION = "lipstream"


def cache_folder() -> Path:
    """The folder for what can be made or fetched again: compiled kernels, downloads."""
    import platformdirs

    return platformdirs.user_cache_path(_APPLICATION, appauthor=False)


def config_folder() -> Path:
    """The folder of the user's settings."""
    import platformdirs

    return platformdirs.user_config_path(_APPLICATION, appauthor=False)


def runtime_folder() -> Path:
    """The folder for what must not outlive the user's session, where the system offers such a one."""
    # Not platformdirs': without XDG_RUNTIME_DIR it warns, at every call.
    base = os.environ.get("XDG_RUNTIME_DIR")
    return (
        Path(base) / _APPLICATION if base else Path(tempfile.gettempdir()) / f"{_APPLICATION}-{os.getuid()}"
    )


def make_folder(folder: Path) -> None:
    """Make a folder that a command writes into, unless it is there.

    Raises:
        InputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be made ({error.strerror}): choose another") from error


def partial_path(path: Path) -> Path:
    """A fresh name beside a file, to write it under until it is whole; it ends like the file itself.

    Through a symbolic link, the name is beside what the link points to, so that the link stays one.
    """
    real = Path(os.path.realpath(path))
    return real.with_name(f".{_APPLICATION}-{secrets.token_hex(6)}.part{real.suffix}")


def is_partial(name: str) -> bool:
    """Whether a file of this name is one that `partial_path` named: left behind, if nobody writes it."""
    return name.startswith(f".{_APPLICATION}-") and ".part" in name


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes ``path`` when the block ends well.

    If it ends with an error or Ctrl-C, what was at ``path`` before is still there, and nothing else is left.
    The file has the rights that the user's umask gives to new ones, whatever its writer thought of.

    Raises:
        OSError: the folder takes no file, or the finished one cannot be moved to its place.
    """
    partial = partial_path(path)
    partial.touch()
    mode = partial.stat().st_mode
    partial.unlink()  # a writer that writes nothing shall not leave an empty file
    try:
        yield partial
        partial.chmod(mode)
        os.replace(partial, os.path.realpath(path))
    finally:
        partial.unlink(missing_ok=True)

"""What stands behind the name of an input or output: a file, or a pipe, which is read or written once."""

import os
import stat
import sys
from pathlib import Path
from typing import IO

from ...core.console import has_stdout
from ...errors import InputError

#: In place of a file name: standard input, or standard output.
PIPE = "-"
_STDIN = {PIPE, "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"}
_STDOUT = {PIPE, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}


def is_stdout(path: Path) -> bool:
    """Whether an output of this name goes to standard output."""
    return str(path) in _STDOUT


def is_pipe(path: Path) -> bool:
    """Whether an input or output of this name can only be read or written once, from start to end."""
    if str(path) in _STDIN | _STDOUT:
        return is_stdout(path) or not path.is_file()
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except OSError:
        return False


class Once:
    """A stream that only reads, or only writes, whatever else the file under it could do.

    Args:
        stream: binary, opened for one of both.
        closes: whether `close` closes it: not for those of the process.
    """

    def __init__(self, stream: IO[bytes], closes: bool) -> None:
        self._stream = stream
        self._closes = closes
        if stream.readable():
            self.read = stream.read
        else:
            self.write = stream.write

    def close(self) -> None:
        """Let go of the stream; what was written is out then."""
        if self._closes:
            self._stream.close()
        elif not self._stream.readable():
            self._stream.flush()


class Seekable:
    """A file to read from anywhere in it; a place that no file has is no exception, as in C.

    PyAV prints the second exception of a kind in one call, and damaged files name such places.

    Args:
        stream: binary, opened for reading.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.name = Path(str(stream.name)).suffix  # by which FFmpeg guesses
        self.read = stream.read
        self.tell = stream.tell
        self.close = stream.close

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place; -1 where there is none."""
        try:
            return self._stream.seek(offset, whence)
        except (OSError, ValueError):
            return -1


def open_source(path: Path) -> Seekable | Once:
    """Open an input, once it is known to be there.

    By a stream of Python's, never by name: FFmpeg would take some names for addresses.

    Raises:
        InputError: there is no such input, or it cannot be read.
    """
    if str(path) in _STDIN and is_pipe(path):
        if sys.stdin is None or sys.stdin.isatty():
            raise InputError("no sound comes in on standard input: pipe a file into it, or name one")
        return Once(sys.stdin.buffer, closes=False)
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        raise InputError(f"{path} is a folder: name an audio file in it")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} cannot be read: no permission")
    if path.is_file() and path.stat().st_size == 0:
        raise InputError(f"{path} is empty: record or export it again")
    stream = path.open("rb")
    return Once(stream, closes=True) if is_pipe(path) else Seekable(stream)


def open_pipe_for_writing(path: Path) -> Once:
    """Open an output that is a pipe.

    Raises:
        InputError: it is standard output, and a terminal or closed.
    """
    if not is_stdout(path):
        return Once(path.open("wb"), closes=True)
    if not has_stdout() or sys.stdout.isatty():
        raise InputError("the sound would go to the terminal: pipe standard output on, or name a file by -o")
    return Once(sys.stdout.buffer, closes=False)

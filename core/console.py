"""What the command line says: results on stdout; trouble, and a bar for what takes long, on stderr."""

import io
import os
import sys
import unicodedata
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

#: Files shorter than this are done before a bar could be read.
LONG_S = 20.0


def make_streams_usable() -> None:
    """Let a process that was started without streams print to nowhere, and any stream take any letter.

    A letter that the encoding of a terminal has not is written out, as ``\\u2588``.
    """
    if sys.stdin is None:
        os.open(os.devnull, os.O_RDONLY)  # else the next file that is opened would be standard input
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", errors="backslashreplace"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def has_stdout() -> bool:
    """Whether somebody may read what this process prints: it was not started with a closed stdout."""
    return sys.stdout is not None and getattr(sys.stdout, "name", "") != os.devnull


def complain(kind: str, message: object) -> None:
    """Print ``lipstream: KIND: MESSAGE`` as one line on stderr."""
    print(f"lipstream: {kind}: {printable(' '.join(str(message).split()))}", file=sys.stderr)


def say(line: str) -> bool:
    """Print a line of results on stdout, whatever state that is in.

    Returns:
        False if stdout takes nothing, which is told on stderr. Where a reader went away (``| head``), nothing
        is told: it wanted no more.
    """
    return flush_stdout(f"{printable(line)}\n")


def flush_stdout(last: str = "") -> bool:
    """Write what there is for stdout, and this after it; otherwise as `say`."""
    try:
        if sys.stdout is not None:
            sys.stdout.write(last)
            sys.stdout.flush()
    except BrokenPipeError:
        let_go_of_stdout()
    except OSError as error:
        let_go_of_stdout()
        complain("error", f"results cannot be printed ({error.strerror}): make room, or send them elsewhere")
        return False
    return True


def let_go_of_stdout() -> None:
    """Drop what is still to go to stdout, so that nothing trips over it again."""
    with suppress(OSError, ValueError, AttributeError):
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)


def printable(text: str) -> str:
    """The text with what is no Unicode, or steers a terminal, written out: names of files may hold both."""
    shown = "".join(repr(char)[1:-1] if unicodedata.category(char) == "Cc" else char for char in text)
    return shown.encode("utf-8", "backslashreplace").decode("utf-8")


class ProgressBar:
    """Seconds of a file done, on stderr; nothing where that is no terminal or the file is short.

    A context manager, and what `enhance_file` takes for `progress`.

    Args:
        title: the name of what is going on.
    """

    def __init__(self, title: str) -> None:
        self._title = printable(title)
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self, done_s: float, total_s: float) -> None:
        if total_s < LONG_S or not sys.stderr.isatty():
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=total_s)
        assert self._task is not None
        self._bar.update(self._task, completed=done_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

"""What the command line says on stderr: one line for trouble, and a bar for what takes long."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

#: Files shorter than this are done before a bar could be read.
LONG_S = 20.0


def complain(kind: str, message: object) -> None:
    """Print ``lipstream: KIND: MESSAGE`` as one line on stderr."""
    print(f"lipstream: {kind}: {' '.join(str(message).split())}", file=sys.stderr)


class ProgressBar:
    """Seconds of a file done, on stderr; nothing where that is no terminal or the file is short.

    A context manager, and what `enhance_file` takes for `progress`.

    Args:
        title: the name of what is going on.
    """

    def __init__(self, title: str) -> None:
        self._title = title
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

"""What a user sees of a running session: a panel on a terminal, a plain line now and then elsewhere."""

import sys
import threading
from queue import SimpleQueue
from typing import Any, Protocol, Self

from ...core.console import let_go_of_stdout
from ..live.stats import LiveStats
from .keys import View
from .words import rows, status_line

#: Bars where a terminal has no blocks.
_PLAIN_BARS = str.maketrans("█·", "#.")
#: Seconds between two looks at a session, on a terminal and elsewhere.
PANEL_S, LINE_S = 0.2, 5.0


class Display(Protocol):
    """A place to show how a session goes; a context manager."""

    @property
    def period_s(self) -> float:
        """Seconds between two looks that it wants."""
        ...

    def show(self, stats: LiveStats, view: View, incoming: LiveStats | None = None) -> None:
        """Show how it goes."""
        ...

    def tell(self, message: str) -> None:
        """Say one line that stays."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


def choose_display() -> Display:
    """The panel if stdout is a terminal, else plain lines."""
    return Panel() if sys.stdout.isatty() else Lines()


class Lines:
    """Plain lines on stdout."""

    period_s = LINE_S

    def show(self, stats: LiveStats, view: View, incoming: LiveStats | None = None) -> None:
        self.tell(status_line(stats))
        if incoming is not None:
            self.tell(f"incoming: {status_line(incoming)}")

    def tell(self, message: str) -> None:
        try:
            print(message, flush=True)
        except BrokenPipeError:  # the reader has enough: what is told on the way out goes nowhere
            let_go_of_stdout()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...


class Panel:
    """A few lines on the terminal, drawn again in place; messages scroll by above them."""

    period_s = PANEL_S

    def __init__(self) -> None:
        from rich.live import Live

        self._live = Live(auto_refresh=False, transient=True)

    def show(self, stats: LiveStats, view: View, incoming: LiveStats | None = None) -> None:
        encoding = self._live.console.encoding
        self._live.update(panel(stats, view, incoming, encoding), refresh=True)

    def tell(self, message: str) -> None:
        self._live.console.print(message, markup=False, highlight=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()


class Relay:
    """A display that may be told something from any thread: only the thread that made it writes.

    A terminal can stop (Ctrl-S), and then whoever writes to it stops as well. A context manager.

    Args:
        display: what to write to.
    """

    def __init__(self, display: Display) -> None:
        self._display = display
        self._thread = threading.current_thread()
        self._waiting: SimpleQueue[str] = SimpleQueue()

    @property
    def period_s(self) -> float:
        """Seconds between two looks that the display wants."""
        return self._display.period_s

    def tell(self, message: str) -> None:
        """Say one line that stays: now on the thread that made this, at the next `pass_on` on others."""
        self._waiting.put(message)
        if threading.current_thread() is self._thread:
            self.pass_on()

    def pass_on(self) -> None:
        """Say what waits to be said."""
        while not self._waiting.empty():
            self._display.tell(self._waiting.get())

    def show(self, stats: LiveStats, view: View, incoming: LiveStats | None = None) -> None:
        """Show how it goes."""
        self._display.show(stats, view, incoming)

    def __enter__(self) -> Self:
        self._display.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.pass_on()
        self._display.__exit__(*error)


def panel(stats: LiveStats, view: View, incoming: LiveStats | None = None, encoding: str = "utf-8") -> Any:
    """The rows of the panel, as a table of rich; what is too long for the terminal goes on below.

    Args:
        stats: of the session.
        view: what of it is shown.
        incoming: of the session for what one hears.
        encoding: of the terminal: bars are of letters that it has.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows(stats, view, incoming):
        table.add_row(name, Text(_drawable(text, encoding)))
    return table


def _drawable(text: str, encoding: str) -> str:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_PLAIN_BARS)
    return text

"""What a user sees of a running session: a panel on a terminal, a plain line now and then elsewhere."""

import sys
import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol, Self

from ..controls import NO_LIMIT_DB, strength_words
from ..live.stats import DeviceState, LiveStats, PipelineStats
from .keys import HELP

if TYPE_CHECKING:
    from ..video.camera.status import CameraStatus

#: Seconds between two looks at a session, on a terminal and elsewhere.
PANEL_S, LINE_S = 0.2, 5.0
#: Seconds after which devices run steadily if ever.
SETTLED_S = 3.0
#: The level at which a meter is empty.
_QUIET_DBFS = -60.0
_METER_CELLS = 24


class Display(Protocol):
    """A place to show how a session goes; a context manager."""

    @property
    def period_s(self) -> float:
        """Seconds between two looks that it wants."""
        ...

    def show(self, stats: LiveStats) -> None:
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

    def show(self, stats: LiveStats) -> None:
        print(status_line(stats), flush=True)

    def tell(self, message: str) -> None:
        print(message, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...


class Panel:
    """A few lines on the terminal, drawn again in place; messages scroll by above them."""

    period_s = PANEL_S

    def __init__(self) -> None:
        from rich.live import Live

        self._live = Live(auto_refresh=False, transient=True)

    def show(self, stats: LiveStats) -> None:
        self._live.update(panel(stats), refresh=True)

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

    def show(self, stats: LiveStats) -> None:
        """Show how it goes."""
        self._display.show(stats)

    def __enter__(self) -> Self:
        self._display.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.pass_on()
        self._display.__exit__(*error)


def status_line(stats: LiveStats) -> str:
    """All that matters in one plain line."""
    pipeline = stats.pipeline
    parts = [
        clock_time(stats.running_s),
        f"in {pipeline.input_dbfs:.0f} dBFS",
        f"out {pipeline.output_dbfs:.0f} dBFS",
        f"video {video_words(stats.camera, stats.video)}, alpha {pipeline.alpha:.2f}",
        f"latency {delay_words(stats)}",
        load_words(pipeline),
        xrun_words(pipeline),
        f"drift {pipeline.drift_ppm:+.0f} ppm",
        *switches(stats),
        *(f"{device.name} gone" for device in (stats.input, stats.output) if not device.alive),
    ]
    return " | ".join(parts)


def panel(stats: LiveStats) -> Any:
    """The lines of the panel, as a table of rich."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    for name, text in panel_rows(stats):
        table.add_row(name, Text(text, no_wrap=True, overflow="ellipsis"))
    return table


def panel_rows(stats: LiveStats) -> Iterator[tuple[str, str]]:
    """Title and text of each line of the panel."""
    pipeline = stats.pipeline
    yield "in", f"{meter(pipeline.input_dbfs)}  {device_words(stats.input)}"
    yield "out", f"{meter(pipeline.output_dbfs)}  {device_words(stats.output)}"
    video = video_words(stats.camera, stats.video)
    yield "lips", f"{bar(pipeline.alpha)} {pipeline.alpha:5.2f} alpha  {video}"
    yield "delay", pipeline.latency.text() if pipeline.latency.known else delay_words(stats)
    yield "load", f"{load_words(pipeline)}, {xrun_words(pipeline)}, drift {pipeline.drift_ppm:+.0f} ppm"
    yield (
        clock_time(stats.running_s),
        ", ".join(switches(stats)) or f"suppression {strength_words(stats.atten_limit_db)}",
    )
    yield "keys", HELP


def meter(dbfs: float) -> str:
    """A level as a bar and a number."""
    return f"{bar(1 - dbfs / _QUIET_DBFS)} {dbfs:5.0f} dBFS"


def bar(share: float) -> str:
    """A bar of a fixed width, filled to a share in [0, 1]."""
    filled = round(_METER_CELLS * min(max(share, 0.0), 1.0))
    return "█" * filled + "·" * (_METER_CELLS - filled)


def clock_time(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def device_words(device: DeviceState) -> str:
    """Name and rate, or that it is gone."""
    return f"{device.name}, {device.rate / 1000:g} kHz" + ("" if device.alive else " (gone, looking for it)")


def video_words(camera: "CameraStatus | None", enabled: bool) -> str:
    """The state of the face, and what is wrong where something is."""
    if camera is None:
        return "none"
    words = f"{camera.state}, {camera.fps:.0f} fps" if camera.fps else str(camera.state)
    if camera.reason:
        words += f" ({camera.reason})"
    return words if enabled else f"off ({words})"


def delay_words(stats: LiveStats) -> str:
    """What the program adds, or why nobody can say."""
    latency = stats.pipeline.latency
    if latency.known:
        return f"{latency.added_ms:.0f} ms"
    if stats.listened is False:
        return "unknown: nobody listens to the virtual microphone"
    return "unknown: the devices do not run steadily" if stats.running_s > SETTLED_S else "not known yet"


def load_words(pipeline: PipelineStats) -> str:
    """How busy the worker is."""
    return f"RTF {pipeline.rtf:.2f}, hop p50 {pipeline.hop_p50_ms:.1f} p99 {pipeline.hop_p99_ms:.1f} ms"


def xrun_words(pipeline: PipelineStats) -> str:
    """Sound that was lost."""
    words = f"xruns in {pipeline.input_overflows} out {pipeline.output_underruns}"
    words += f" damaged {pipeline.input_damaged}" if pipeline.input_damaged else ""
    return words + (f" cuts {pipeline.latency_cuts}" if pipeline.latency_cuts else "")


def switches(stats: LiveStats) -> Iterator[str]:
    """The controls that are not as usual."""
    if stats.bypass:
        yield "BYPASS"
    if stats.mute:
        yield "MUTED"
    if stats.atten_limit_db < NO_LIMIT_DB:
        yield f"suppression {strength_words(stats.atten_limit_db)}"
    if stats.recorded_s is not None:
        yield f"recorded {clock_time(stats.recorded_s)}"

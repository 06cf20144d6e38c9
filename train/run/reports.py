"""What a run tells while it goes on: its log, TensorBoard, a bar on a terminal or plain lines elsewhere."""

import json
import math
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from ...errors import InputError

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


#: Columns of the bar itself, and of the time left, which may be more than a day.
_BAR_WIDTH, _TIME_WIDTH = 16, 10


class Report(Protocol):
    """Somewhere to tell the values of a step to."""

    def write(self, step: int, values: dict[str, float | None]) -> None:
        """Tell values by name, None where one is not defined."""

    def close(self) -> None:
        """Tell nothing more."""


class LogFile:
    """``log.jsonl``: one object a line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, step: int, values: dict[str, float | None]) -> None:
        with self.path.open("a", encoding="utf-8") as handle:
            handle.write(_line(step, values) + "\n")

    def close(self) -> None:
        """Nothing is open between two lines."""


class PlainLines:
    """The lines of the log on stdout, where there is no terminal."""

    def write(self, step: int, values: dict[str, float | None]) -> None:
        print(_line(step, values), flush=True)

    def close(self) -> None:
        """Nothing to end."""


class TensorBoard:
    """Event files for TensorBoard, validation apart from training.

    Args:
        folder: where to write.
        step: the first to come: what a killed run told beyond it is dropped.

    Raises:
        InputError: the package is missing.
    """

    def __init__(self, folder: Path, step: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InputError(f"--tensorboard needs its package: pip install tensorboard ({error})") from error
        self._writer = SummaryWriter(str(folder), purge_step=step)

    def write(self, step: int, values: dict[str, float | None]) -> None:
        for name, value in values.items():
            if value is not None:
                section = "validation" if name.startswith("val_") else "train"
                self._writer.add_scalar(f"{section}/{name.removeprefix('val_')}", value, step)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class Bar:
    """A bar on stderr with steps, loss, speed and the time left; validations are lines above it.

    Args:
        step, steps: where the run is, and where it ends.
    """

    def __init__(self, step: int, steps: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        # What must be seen comes first; beside it there is room for so much of the latest values.
        self._room = console.width - len("training") - _BAR_WIDTH - len(f"{steps}/{steps}") - _TIME_WIDTH - 4
        self._bar: RichProgress = Progress(
            TextColumn("training"),
            BarColumn(_BAR_WIDTH),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[latest]}"),
            console=console,
            refresh_per_second=2,
        )
        self._task: TaskID = self._bar.add_task("training", total=steps, completed=step, latest="")
        self._bar.start()

    def advance(self, step: int) -> None:
        """Show that a step is done."""
        self._bar.update(self._task, completed=step)

    def write(self, step: int, values: dict[str, float | None]) -> None:
        known = {name: value for name, value in values.items() if value is not None}
        if "loss" in known:
            speed = known.pop("audio_s_per_s")
            latest = [f"{speed:.1f}x real time", *(f"{name} {value:.3g}" for name, value in known.items())]
            while len("  ".join(latest)) > self._room and len(latest) > 1:
                latest.pop()
            self._bar.update(self._task, latest="  ".join(latest))
        else:
            scores = "  ".join(f"{name.removeprefix('val_')} {value:.3f}" for name, value in known.items())
            self._bar.console.print(f"step {step}: {scores}", highlight=False)

    def close(self) -> None:
        self._bar.stop()


class Reports:
    """All reports of a run; a context manager.

    Args:
        folder: of the run.
        step, steps: where the run is, and where it ends.
        tensorboard: whether to write event files into ``tensorboard`` in the folder.
        silent: tell nothing: the process that leads the run does.

    Raises:
        InputError: the package for TensorBoard is missing.
    """

    def __init__(self, folder: Path, step: int, steps: int, tensorboard: bool, silent: bool) -> None:
        self._bar: Bar | None = None
        self._all: list[Report] = []
        if silent:
            return
        self._all.append(LogFile(folder / "log.jsonl"))
        if tensorboard:
            self._all.append(TensorBoard(folder / "tensorboard", step))
        if sys.stderr.isatty():
            self._bar = Bar(step, steps)
        self._all.append(self._bar or PlainLines())

    def write(self, step: int, values: dict[str, float]) -> None:
        """Tell the values of a step. Those that are not finite are not defined: None, in JSON null."""
        known = {name: value if math.isfinite(value) else None for name, value in values.items()}
        for report in self._all:
            report.write(step, known)

    def advance(self, step: int) -> None:
        """Tell that a step is done."""
        if self._bar is not None:
            self._bar.advance(step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for report in self._all:
            report.close()


def _line(step: int, values: dict[str, float | None]) -> str:
    return json.dumps({"step": step, **values})

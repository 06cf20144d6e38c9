"""The command ``lipstream corpus``. Light at import."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ...core.console import complain, say
from ...core.options import add_options, from_options
from ...errors import InputError
from ..corpus.settings import Judge, Settings
from ..corpus.trees import Tree

if TYPE_CHECKING:
    from ...core.crew import Crew, Make
    from ..corpus.run import Tally

#: The manifest in DST, unless it is named.
MANIFEST = "corpus.csv"
#: Seconds between two lines that tell how far it is, where no terminal shows a bar.
_EVERY_S = 30.0


def add_parsers(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", dnsmos: Callable[[], Judge]
) -> None:
    """Register the command.

    Args:
        subparsers: where to.
        dnsmos: makes what rates outputs.
    """
    parser = subparsers.add_parser(
        "corpus",
        help="clean a whole tree of recordings, by many workers",
        description="Clean every audio and video file under SRC into the same place under DST, by workers "
        "with one thread each that hold the model, here or on a Ray cluster. The outputs are those of "
        "lipstream enhance, to the bit. A manifest gets a row for each file: length, real-time factor, "
        "levels, share of frames with a usable face, and what was wrong, if anything. A file that cannot be "
        "cleaned is a row and not the end; a worker that dies loses nothing. Stopped by whatever means, the "
        "same command goes on with what is missing or failed.",
        epilog="SRC and DST are folders or, with the extra 'ray', URLs that fsspec understands, as "
        "s3://bucket/folder (pip install s3fs). The exit code is 2 if any file failed. See docs/scale.md.",
    )
    parser.set_defaults(run=lambda args: corpus(args, dnsmos))
    parser.add_argument("source", metavar="SRC", help="folder or URL of the recordings")
    parser.add_argument("target", metavar="DST", help="folder or URL of what is made")
    parser.add_argument("--workers", type=int, metavar="N", help="workers (default: one for each core)")
    parser.add_argument(
        "--address",
        metavar="A",
        help="Ray cluster to work on, as ray://HOST:10001, HOST:6379, or local; every node needs Lipstream "
        "and the same SRC and DST (default: processes of this machine, without Ray)",
    )
    add_options(parser, Settings)
    parser.add_argument(
        "--manifest",
        type=Path,
        metavar="FILE",
        help=f"the manifest, .csv; or .parquet, written at the end (default: {MANIFEST} in DST)",
    )
    parser.add_argument(
        "--dnsmos", action="store_true", help="rate each output by DNSMOS as well (extra 'bench')"
    )
    parser.add_argument("--force", action="store_true", help="make all again, also what is there")


def corpus(args: argparse.Namespace, dnsmos: Callable[[], Judge]) -> int:
    """Clean what is missing.

    Returns:
        0, or 2 if a file failed.
    """
    from ..corpus.run import plan, run
    from ..corpus.table import Manifest

    if args.workers is not None and args.workers < 1:
        raise InputError("--workers must be at least 1")
    settings = _settings(args, dnsmos)
    with Manifest(_manifest_path(args)) as manifest:
        todo = plan(settings, manifest.rows, args.force)
        _tell_plan(todo.earlier, todo.passed_over, len(todo.jobs))
        crew = _crew(args, len(todo.jobs))
        with _Shown() as shown:
            try:
                tally = run(settings, todo, manifest, crew, _most_at_once(args), shown)
            except KeyboardInterrupt:
                complain("note", "the same command goes on with what is missing")
                raise
    _tell_end(tally, manifest.path)
    return 2 if tally.failed else 0


def _settings(args: argparse.Namespace, dnsmos: Callable[[], Judge]) -> Settings:
    from ..files import LoadedModel

    if args.video:
        from ..lips_bound import notice

        if (words := notice(args.model)) is not None:
            complain("note", words)
    # Loaded here once, so that what is wrong with it is told before anything starts.
    args.runtime = LoadedModel(args.model, args.runtime).runtime
    judge = dnsmos() if args.dnsmos else None
    return from_options(Settings, args, source=Tree(args.source), target=Tree(args.target), judge=judge)


def _manifest_path(args: argparse.Namespace) -> Path:
    if args.manifest is not None:
        return Path(args.manifest)
    if "://" in args.target:
        raise InputError("DST is no folder of this machine: say with --manifest FILE where its rows go")
    return Path(args.target) / MANIFEST


def _crew(args: argparse.Namespace, jobs: int) -> "Callable[[Make], Crew]":
    """Makes the workers: actors where a cluster is named, else processes, no more than there are jobs."""

    def processes(make: "Make") -> "Crew":
        from ...core.crew import ProcessCrew

        return ProcessCrew(min(args.workers or _cores(), jobs), make)

    def actors(make: "Make") -> "Crew":
        from ..corpus.on_ray import RayCrew

        return RayCrew(args.address, args.workers or 0, make)

    return processes if args.address is None else actors


def _most_at_once(args: argparse.Namespace) -> int:
    if args.address is None:
        return 1
    from ..corpus.on_ray import MOST_AT_ONCE

    return MOST_AT_ONCE


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _tell_plan(earlier: int, passed_over: int, files: int) -> None:
    if passed_over:
        complain("note", f"files passed over, no audio or video by their names: {passed_over}")
    if earlier:
        complain("note", f"files done already: {earlier}, to do: {files}")


def _tell_end(tally: "Tally", manifest: Path) -> None:
    speed = tally.done / tally.elapsed_s if tally.elapsed_s else 0.0
    times = tally.seconds / tally.elapsed_s if tally.elapsed_s else 0.0
    earlier = f", {tally.earlier} were done before" if tally.earlier else ""
    failed = f", {tally.failed} failed (column error)" if tally.failed else ""
    say(
        f"{tally.done} files with {tally.seconds / 3600:.2f} h of sound in {tally.elapsed_s:.1f} s: "
        f"{speed:.2f} files/s, {times:.1f} times real time{earlier}{failed}; {manifest}"
    )


class _Shown:
    """How far a run is: a bar on a terminal, elsewhere a line now and then; a context manager."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._told_s = time.monotonic()

    def __call__(self, tally: "Tally") -> None:
        if sys.stderr.isatty():
            self._draw(tally)
        elif time.monotonic() - self._told_s > _EVERY_S:
            self._told_s = time.monotonic()
            left = "" if tally.left_s is None else f", about {_duration(tally.left_s)} left"
            complain("note", f"{_so_far(tally)}{left}")

    def _draw(self, tally: "Tally") -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=tally.size)
        self._bar.update(self._task, completed=tally.done_size, description=_so_far(tally))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def _so_far(tally: "Tally") -> str:
    failed = f", {tally.failed} failed" if tally.failed else ""
    speed = f", {tally.done / tally.elapsed_s:.1f}/s" if tally.elapsed_s else ""
    return f"{tally.done} of {tally.files} files{failed}{speed}"


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{seconds / 60:.0f} min"
        if seconds < 5400
        else f"{seconds / 3600:.1f} h"
    )

"""Clean a tree of recordings into another one, by many workers: what is done stays done."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from ...core.crew import Crew, Make, work_through
from ...errors import InputError
from ..media.formats import format_of
from .cleaner import Cleaner, Job, Row, row_of
from .settings import Settings
from .table import Manifest
from .trees import Found, Tree

#: Makes the workers of a run.
MakeCrew = Callable[[Make], Crew]


@dataclass(frozen=True)
class Tally:
    """Where a run stands.

    Attributes:
        files: recordings to do in this run.
        done: those that are done, the failed ones included.
        failed: those of which nothing was made.
        earlier: recordings that an earlier run had done.
        size, done_size: bytes of the recordings to do, and of those that are done.
        seconds: length of what was made.
        elapsed_s: since the workers were asked for.
    """

    files: int
    done: int
    failed: int
    earlier: int
    size: int
    done_size: int
    seconds: float
    elapsed_s: float

    @property
    def left_s(self) -> float | None:
        """Seconds to go, by the bytes; None: nothing is done yet."""
        if not self.done_size:
            return None
        return self.elapsed_s * (self.size - self.done_size) / self.done_size


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes:
        jobs: recordings to clean.
        earlier: how many an earlier run has done.
        passed_over: files that are no recordings by their names.
    """

    jobs: tuple[Job, ...]
    earlier: int
    passed_over: int


def plan(settings: Settings, rows: Mapping[str, Row], again: bool = False) -> Plan:
    """Find out what there is and what of it is missing.

    A recording is done if it has a row without an error, is what it was then, and its output is there.

    Args:
        settings: of the corpus.
        rows: of earlier runs.
        again: whether all of it is to be made again.

    Raises:
        InputError: the trees are one, there are no recordings, or earlier rows are by other settings.
    """
    found = _recordings(settings)
    made = settings.target.files()
    done = (
        set()
        if again
        else {name for name in found.files if _is_done(rows.get(name), found.files[name], made)}
    )
    if (other := _other_settings(settings, (rows[name] for name in done))) is not None:
        raise InputError(
            f"{settings.target.root} holds files made by {other}: name another DST, or say --force to make "
            "them again"
        )
    jobs = (Job(name, file.size, file.version) for name, file in found.files.items() if name not in done)
    return Plan(tuple(jobs), len(done), found.passed_over)


def run(
    settings: Settings,
    todo: Plan,
    manifest: Manifest,
    make_crew: MakeCrew,
    most_at_once: int = 1,
    progress: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """Clean what is to be done, with a row in the manifest for each recording as it comes.

    Args:
        settings: of the corpus.
        todo: see `plan`.
        manifest: of it, open.
        make_crew: makes the workers.
        most_at_once: see `work_through`.
        progress: called now and then.

    Raises:
        InputError: the workers cannot be made ready. What was done until then has its rows.
    """
    size, started = sum(job.size for job in todo.jobs), time.monotonic()
    sizes = {job.name: job.size for job in todo.jobs}
    tally = Tally(len(todo.jobs), 0, 0, todo.earlier, size, 0, 0.0, 0.0)
    scores = () if settings.judge is None else settings.judge.names
    if not todo.jobs:
        manifest.begin(scores)
        manifest.finish()
        return tally
    crew = make_crew(partial(Cleaner, settings))
    try:
        manifest.begin(scores)  # from here on nobody else writes there
        settings.target.forget_partial()
        for row in work_through(todo.jobs, crew, partial(_given_up, settings), most_at_once):
            if row is not None:
                manifest.add(row)
            tally = _counted(tally, row, sizes, time.monotonic() - started)
            progress(tally)
    finally:
        crew.close()
        settings.target.forget_partial()
    manifest.finish()
    return tally


def _given_up(settings: Settings, job: Job, reason: str) -> Row:
    return row_of(job, settings, error=reason)


def _counted(tally: Tally, row: Row | None, sizes: Mapping[str, int], elapsed_s: float) -> Tally:
    return Tally(
        files=tally.files,
        done=tally.done + (row is not None),
        failed=tally.failed + (row is not None and bool(row.error)),
        earlier=tally.earlier,
        size=tally.size,
        done_size=tally.done_size + (sizes[row.file] if row is not None else 0),
        seconds=tally.seconds + ((row.duration_s or 0.0) if row is not None else 0.0),
        elapsed_s=elapsed_s,
    )


@dataclass(frozen=True)
class _Recordings:
    files: Mapping[str, Found]
    passed_over: int


def _recordings(settings: Settings) -> _Recordings:
    """The files of the source that hold sound, by their names: neither videos for others nor what is made."""
    source, target = settings.source, settings.target
    if source.is_local and not Path(source.root).is_dir():
        raise InputError(f"{source.root} is no folder: SRC is the folder of the recordings")
    files = source.files()
    inside = _place_inside(source, target)
    if inside == ".":
        raise InputError("SRC and DST are the same: name another DST")
    if inside:
        files = {name: file for name, file in files.items() if not name.startswith(f"{inside}/")}
    sounding = {name: file for name, file in files.items() if format_of(Path(name))}
    # A film that shows the speaker of another recording is no recording beside it.
    shown = {video for name in sounding if (video := settings.video_of(name)) != source.path(name)}
    recordings = {name: file for name, file in sounding.items() if source.path(name) not in shown}
    if not recordings:
        raise InputError(f"{source.root} holds no audio or video files")
    return _Recordings(recordings, len(files) - len(sounding))


def _place_inside(source: Tree, target: Tree) -> str:
    """Where in the source the target lies; empty: elsewhere."""
    if source.is_local != target.is_local:
        return ""
    if source.is_local:
        here, there = Path(source.root).resolve(), Path(target.root).resolve()
    else:
        here, there = PurePosixPath(source.root), PurePosixPath(target.root)  # type: ignore[assignment]
    return there.relative_to(here).as_posix() if there.is_relative_to(here) else ""


def _is_done(row: Row | None, file: Found, made: Mapping[str, Found]) -> bool:
    return row is not None and not row.error and row.source_version == file.version and row.file in made


def _other_settings(settings: Settings, rows: Iterable[Row]) -> str | None:
    """By what else one of the rows was made, as it would be asked for."""
    ours = (settings.model, settings.runtime, settings.atten_limit_db, settings.video)
    for row in rows:
        theirs = (row.model, row.runtime, row.atten_limit_db, row.video)
        if theirs != ours:
            video = f" --video '{row.video}'" if row.video else ""
            return f"--model {row.model} --runtime {row.runtime} --strength {row.atten_limit_db:g}{video}"
    return None

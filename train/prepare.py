"""Fills the cache of a run ahead of it: decoded sound and lip crops, by several processes."""

from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from ..errors import InputError
from .corpora.scan import Progress
from .library import Library
from .recordings import decode, decode_response
from .video_corpus import extract_face

Job = tuple[str, Path, Path]


def prepare(library: Library, cache: Path, jobs: int, progress: Progress) -> tuple[str, ...]:
    """Decode every recording and crop every face that is not in ``cache`` yet.

    Args:
        library: the recordings.
        cache: of the runs that are to come.
        jobs: processes; a face takes about 150 MB in each.
        progress: is told how many recordings are done, of how many.

    Returns:
        A line for each recording that cannot be read.
    """
    work = list(dict.fromkeys(_jobs(library, cache)))
    for folder in {folder for _, _, folder in work}:
        folder.mkdir(parents=True, exist_ok=True)
    problems = []
    # Spawned: MediaPipe and OpenCV do not survive a fork.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as processes:
        waiting: list[Future[str]] = [processes.submit(_do, job) for job in work]
        try:
            for done, finished in enumerate(as_completed(waiting), 1):
                problems += [finished.result()] if finished.result() else []
                progress(done, len(work))
        except BaseException:
            processes.shutdown(wait=False, cancel_futures=True)
            raise
    return tuple(sorted(problems))


def _jobs(library: Library, cache: Path) -> Iterator[Job]:
    for manifest in library:
        for item in manifest.items:
            folder = {"face": cache / "faces", "rir": cache / "rooms"}.get(item.kind, cache)
            yield item.kind, manifest.path(item), folder
            if item.noisy:
                yield "speech", manifest.root / item.noisy, folder


def _do(job: Job) -> str:
    """Do one; returns what is wrong with it, or nothing."""
    kind, path, folder = job
    try:
        if kind == "face":
            extract_face(path, folder)
        elif kind == "rir":
            decode_response(path, folder)
        else:
            decode(path, folder)
    except InputError as error:
        return str(error)
    return ""

"""What makers of corpora share: many files by several processes, each written whole or not at all."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from ...core.arrays import Float32
from ...errors import InputError
from ..data.recordings import SAMPLE_RATE

Job = TypeVar("Job")
Result = TypeVar("Result")

FORMATS = {"flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS")}

_worker: Any = None


def write_sound(sound: Float32, path: Path, form: str) -> None:
    """Write float32 ``[N]`` at 16 kHz whole or not at all; ``form`` is a key of `FORMATS`.

    Raises:
        InputError: the file cannot be written.
    """
    import soundfile

    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    kind, subtype = FORMATS[form]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(partial, sound, SAMPLE_RATE, format=kind, subtype=subtype)
        partial.replace(path)
    except (OSError, soundfile.SoundFileError) as error:
        raise InputError(f"{path} cannot be written ({error})") from error
    finally:
        partial.unlink(missing_ok=True)


def remove_partial_files(folder: Path) -> None:
    """Remove what `write_sound` of a killed process left."""
    for left in folder.rglob(".*.part"):
        left.unlink(missing_ok=True)


def do_all(
    work: Sequence[Job], open_worker: Callable[[], Callable[[Job], Result]], processes: int
) -> Iterator[Result]:
    """Do all jobs; yields what each gave as it is done.

    Args:
        work: the jobs, begun in their order.
        open_worker: gives, once in each process, the function that does a job; must be picklable.
        processes: 1 is this one.
    """
    if processes == 1 or not work:
        do = open_worker() if work else None
        yield from (do(job) for job in work if do)
        return
    with ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_open, initargs=(open_worker,)
    ) as pool:
        waiting: set[Future[Result]] = set()
        try:
            for job in work:
                waiting.add(pool.submit(_do, job))
                # Few ahead: what a Ctrl-C waits for is what has been begun.
                if len(waiting) > 2 * processes:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            yield from (future.result() for future in wait(waiting).done)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _open(open_worker: Callable[[], Any]) -> None:
    global _worker
    _worker = open_worker()


def _do(job: Any) -> Any:
    return _worker(job)

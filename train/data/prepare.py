"""Looks over what manifests hold, and fills the cache of a run ahead of it, by several processes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from ...errors import InputError
from .corpora.scan import Progress
from .corpus import Library
from .manifest import KINDS, SPLITS, Item, Manifest, speakers_on_both_sides
from .recordings import decode, decode_response, measure_all
from .video_corpus import extract_face

#: Seconds by which a row may reach beyond the end of its file: lengths are rounded, codecs fill up frames.
_SLACK_S = 0.1


@dataclass
class Share:
    """Recordings of one kind on one side of the split."""

    items: int = 0
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one more recording."""
        self.items += 1
        self.seconds += seconds


@dataclass(frozen=True)
class Survey:
    """What was found: shares by (kind, split), seconds by licence, and what is wrong, one line each."""

    shares: dict[tuple[str, str], Share]
    speakers: dict[tuple[str, str], set[str]]
    licences: dict[str, float]
    problems: tuple[str, ...]

    def text(self) -> str:
        """Two tables to read."""
        lines = [f"{'kind':8}{'split':8}{'rows':>9}{'hours':>10}{'speakers':>10}"]
        for key in ((kind, split) for kind in KINDS for split in SPLITS):
            if key in self.shares:
                share, speakers = self.shares[key], len(self.speakers[key]) or "-"
                lines.append(f"{key[0]:8}{key[1]:8}{share.items:9}{share.seconds / 3600:10.2f}{speakers:>10}")
        lines += ["", f"{'hours':>8}  licence"]
        by_hours = sorted(self.licences.items(), key=lambda entry: -entry[1])
        lines += [f"{seconds / 3600:8.2f}  {licence}" for licence, seconds in by_hours]
        return "\n".join(lines)


def survey(manifests: Iterable[Manifest], progress: Progress) -> Survey:
    """Look at every file of the manifests."""
    rows = [(manifest, item) for manifest in manifests for item in manifest.items]
    lengths = measure_all((manifest.path(item) for manifest, item in rows), progress)
    problems = [str(length) for length in lengths.values() if isinstance(length, InputError)]
    shares: dict[tuple[str, str], Share] = defaultdict(Share)
    speakers: dict[tuple[str, str], set[str]] = defaultdict(set)
    licences: dict[str, float] = defaultdict(float)
    for manifest, item in rows:
        path, key = manifest.path(item), (item.kind, item.split)
        if item.noisy and not (manifest.root / item.noisy).is_file():
            problems.append(f"{manifest.root / item.noisy} is missing")
        length = lengths[path]
        if isinstance(length, InputError):
            continue
        length_s = length.seconds
        if _end_s(item, length_s) > length_s + _SLACK_S:
            problems.append(f"{path} ends at {length_s:.2f} s, its row at {_end_s(item, length_s):.2f} s")
        seconds = _end_s(item, length_s) - item.start_s
        shares[key].add(seconds)
        speakers[key] |= {item.speaker} - {""}
        licences[item.licence] += seconds
    shared = sorted(speakers_on_both_sides(item for _, item in rows))
    problems += [f"speaker {speaker} is on more than one side of the split" for speaker in shared]
    return Survey(dict(shares), dict(speakers), dict(licences), tuple(problems))


def _end_s(item: Item, length_s: float) -> float:
    return length_s if item.end_s is None else item.end_s


Job = tuple[str, Path, Path]


def prepare(library: Library, cache: Path, jobs: int, progress: Progress) -> tuple[str, ...]:
    """Decode every recording and crop every face that is not in ``cache`` yet.

    Args:
        library: the recordings.
        cache: of the runs that are to come.
        jobs: processes; a face takes about 150 MB in each.
        progress: called with how many recordings are done, of how many.

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

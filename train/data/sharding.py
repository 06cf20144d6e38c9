"""Packs the recordings of manifests into shards, by several workers; goes on where it was stopped."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ...core.crew import Crew, Make, work_through
from ...core.storage import is_partial, make_folder
from ...errors import InputError
from .corpora.scan import Progress
from .corpus import Library
from .manifest import Item
from .recordings import SAMPLE_RATE, Int16, decode, measure_all, read_audio
from .shards import KINDS, LIST, ShardList, described, write_list, write_shard

_SEED = 1


@dataclass(frozen=True)
class Part:
    """A recording to pack: what it is, where it lies, and whether its file holds others, too."""

    item: Item
    root: Path
    shared: bool


@dataclass(frozen=True)
class ShardJob:
    """A shard to write: its name, and the recordings in their order."""

    name: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Sharded:
    """What became of a shard: a line for each recording that cannot be used."""

    problems: tuple[str, ...]


def plan_shards(library: Library, hours_each: float, progress: Progress) -> tuple[ShardJob, ...]:
    """Which recordings go into which shard: those of a source and side of the split, speakers mixed.

    Args:
        library: the recordings; rooms and faces in it are passed over.
        hours_each: length of the sound in a shard, the last one of each source but for.
        progress: called while lengths are measured.

    Raises:
        InputError: there is nothing to pack.
    """
    rows = [(manifest, item) for manifest in library for item in manifest.items if item.kind in KINDS]
    if not rows:
        raise InputError("nothing to pack: the manifests have no speech and no noise")
    lengths = measure_all((manifest.path(item) for manifest, item in rows), progress)
    count: dict[Path, int] = {}
    for manifest, item in rows:
        count[manifest.path(item)] = count.get(manifest.path(item), 0) + 1
    groups: dict[tuple[str, str, str], list[tuple[Part, float]]] = {}
    for manifest, item in rows:
        length = lengths[manifest.path(item)]
        whole_s = 0.0 if isinstance(length, InputError) else length.seconds  # told when it is read
        seconds = (whole_s if item.end_s is None else item.end_s) - item.start_s
        part = Part(item, manifest.root, count[manifest.path(item)] > 1)
        groups.setdefault((item.kind, item.source, item.split), []).append((part, seconds))
    return tuple(job for key, parts in sorted(groups.items()) for job in _jobs(key, parts, 3600 * hours_each))


def _jobs(key: tuple[str, str, str], parts: list[tuple[Part, float]], most_s: float) -> Iterator[ShardJob]:
    order = np.random.default_rng(_SEED).permutation(len(parts))
    held: list[Part] = []
    held_s, number = 0.0, 0
    for place, index in enumerate(order, 1):
        part, seconds = parts[index]
        held.append(part)
        held_s += seconds
        if held_s >= most_s or place == len(order):
            yield ShardJob(_name(key, number, held), tuple(held))
            held, held_s, number = [], 0.0, number + 1


def _name(key: tuple[str, str, str], number: int, parts: Sequence[Part]) -> str:
    """Says what is in the shard, and tells it from one of other recordings."""
    told = [json.dumps([asdict(part.item), str(part.root)], sort_keys=True) for part in parts]
    content = hashlib.sha256("\n".join(told).encode()).hexdigest()[:8]
    kind, source, split = ("".join(c if c.isalnum() else "_" for c in word) for word in key)
    return f"{kind}-{source}-{split}-{number:05}-{content}.tar"


class Packer:
    """Writes shards, one after the other.

    Args:
        folder: of the shards.
        cache: where a file of many recordings is kept decoded.
    """

    def __init__(self, folder: Path, cache: Path) -> None:
        self._folder, self._cache = folder, cache

    def __call__(self, job: ShardJob) -> Sharded:
        """Write one; recordings that cannot be read are left out."""
        problems: list[str] = []
        try:
            write_shard(self._folder / job.name, self._read(job.parts, problems))
        except OSError as error:
            return Sharded((f"{self._folder / job.name} cannot be written ({error.strerror})",))
        return Sharded(tuple(problems))

    def _read(self, parts: Sequence[Part], problems: list[str]) -> Iterator[tuple[Item, Int16, Int16 | None]]:
        for part in parts:
            try:
                sound = self._samples(part, part.item.file)
                noisy = self._samples(part, part.item.noisy) if part.item.noisy else None
            except InputError as error:
                problems.append(str(error))
            else:
                yield part.item, sound, noisy

    def _samples(self, part: Part, file: str) -> Int16:
        """The part of a file that the item names, at 16 kHz."""
        path, item = part.root / file, part.item
        if part.shared:
            samples = decode(path, self._cache).samples
        else:
            samples = np.clip(np.rint(read_audio(path) * 32768.0), -32768, 32767).astype(np.int16)
        end = len(samples) if item.end_s is None else int(item.end_s * SAMPLE_RATE)
        return samples[int(item.start_s * SAMPLE_RATE) : end]


def write_shards(
    jobs: Sequence[ShardJob],
    folder: Path,
    cache: Path,
    make_crew: Callable[[Make], Crew],
    progress: Progress,
) -> tuple[Path, tuple[str, ...]]:
    """Write the shards that are missing, and the list of all.

    Args:
        jobs: see `plan_shards`.
        folder: for shards and list; nothing else may be in it.
        cache: where files of many recordings are kept decoded.
        make_crew: makes the workers.
        progress: called with how many shards are done, of how many.

    Returns:
        The list, and a line for each recording that was left out by this run.

    Raises:
        InputError: the folder holds other shards, or a shard cannot be written.
    """
    for place in (folder, cache):
        make_folder(place)
    there = {path.name for path in folder.iterdir() if not is_partial(path.name)}
    if others := sorted(there - {job.name for job in jobs} - {LIST}):
        raise InputError(f"{folder} holds something else ({others[0]}): name an empty folder")
    missing = [job for job in jobs if job.name not in there]
    problems: list[str] = []
    if missing:
        crew = make_crew(partial(Packer, folder, cache))
        try:
            done = len(jobs) - len(missing)
            for result in work_through(missing, crew, _given_up):
                if result is not None:
                    done += 1
                    problems += result.problems
                    progress(done, len(jobs))
        finally:
            crew.close()
            for left in filter(lambda path: is_partial(path.name), folder.iterdir()):
                left.unlink(missing_ok=True)
    unmade = [job.name for job in jobs if not (folder / job.name).is_file()]
    if unmade:
        raise InputError(f"{folder / unmade[0]} cannot be written ({'; '.join(problems[:3])})")
    shards = tuple(described(folder / job.name, folder) for job in jobs)
    write_list(ShardList(folder, tuple(shard for shard in shards if shard.items)), folder / LIST)
    return folder / LIST, tuple(problems)


def _given_up(job: ShardJob, reason: str) -> Sharded:
    return Sharded((f"{job.name}: {reason}",))

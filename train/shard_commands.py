"""``lipstream data shard``: recordings packed for trainings on many hours. Light at import."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.console import ProgressBar, complain
from ..core.extras import needs_extra
from ..errors import InputError

if TYPE_CHECKING:
    from ..core.crew import Crew, Make

_MOST_NAMED = 20


def add_parsers(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command under ``lipstream data``."""
    parser = kinds.add_parser(
        "shard",
        help="pack recordings into shards, for trainings on many hours",
        description="Pack the speech and the noise of manifests into tar files of WebDataset's form, mono at "
        "16 kHz, in an order that mixes speakers (115 MB an hour), and list them in OUT/shards.jsonl, which "
        "a recipe names as its data. Training reads a few shards of each source at a time, and goes on with "
        "the steps. Rooms and faces stay in manifests, to be named beside. Stopped by whatever means, the "
        "same command goes on with what is missing. Needs the extra 'train'.",
    )
    parser.set_defaults(run=shard)
    parser.add_argument("data", nargs="+", metavar="DATA", help="manifests, or folders with tables")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT", help="folder of the shards")
    parser.add_argument(
        "--hours", type=float, default=0.5, metavar="H", help="length of the sound in a shard (%(default)g)"
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("runs/cache"),
        metavar="DIR",
        help="where files with many recordings each are kept decoded (%(default)s)",
    )
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="processes, or actors of the cluster (one a core)"
    )
    parser.add_argument(
        "--address",
        metavar="A",
        help="Ray cluster to work on, as for lipstream corpus (default: processes of this machine)",
    )


def shard(args: argparse.Namespace) -> int:
    """Write what is missing; recordings that cannot be read are left out and named."""
    try:
        from .data.corpus import read_library
        from .data.sharding import plan_shards, write_shards
    except ImportError as error:
        raise needs_extra("data", "train", error) from error
    if args.jobs is not None and args.jobs < 1:
        raise InputError("--jobs must be at least 1")
    if not 0 < args.hours <= 100:
        raise InputError("--hours must be above 0, and at most 100")
    library = read_library(tuple(args.data))
    others = sum(item.kind in ("rir", "face") for manifest in library for item in manifest.items)
    if others:
        complain("note", f"{others} rooms and faces stay as they are: name their manifests beside OUT's")
    with ProgressBar("measure") as bar:
        jobs = plan_shards(library, args.hours, bar)

    def crew(make: "Make") -> "Crew":
        if args.address is not None:
            from ..stream.corpus.on_ray import RayCrew

            return RayCrew(args.address, args.jobs or 0, make)
        from ..core.crew import ProcessCrew

        return ProcessCrew(args.jobs or os.cpu_count() or 1, make)

    with ProgressBar("shard") as bar:
        listed, problems = write_shards(jobs, args.out.resolve(), args.cache.resolve(), crew, bar)
    for problem in problems[:_MOST_NAMED]:
        complain("warning", problem)
    if problems:
        complain("warning", f"{len(problems)} recordings were left out")
    print(listed)
    return 0

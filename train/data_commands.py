"""The commands of this room: ``lipstream data ...``. Light at import."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from ..core.console import ProgressBar, complain
from ..core.extras import needs_extra
from ..errors import InputError
from . import own_commands, shard_commands
from .data.corpora import folders, grid, lrs2, pools, tables, voicebank, voxceleb2
from .data.corpora.scan import HELD_OUT_NOISE, Adapter
from .data.manifest import UNKNOWN_LICENCE
from .makers import commands as maker_commands

CORPORA = (
    grid.ADAPTER,
    lrs2.ADAPTER,
    voxceleb2.ADAPTER,
    voicebank.ADAPTER,
    pools.DEMAND,
    pools.DNS,
    pools.MUSAN,
    tables.ADAPTER,
)

#: Of the files that cannot be used, so many are named.
_MOST_NAMED = 20


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands of this room."""
    data = subparsers.add_parser(
        "data",
        help="list recordings for training in a manifest",
        description="List the recordings of a corpus in a manifest, which a recipe names as its data; look "
        "over manifests; fill the cache of a run ahead of it. Needs the extra 'train'. See docs/data.md.",
    )
    kinds = data.add_subparsers(title="corpora and tools", metavar="WHAT", required=True)
    for adapter in CORPORA:
        parser = _add_corpus(kinds, adapter)
        parser.set_defaults(run=lambda args, adapter=adapter: _list(adapter, args))
    _add_folders(kinds)
    maker_commands.add_parsers(kinds)
    own_commands.add_parsers(kinds)
    _add_check(kinds)
    _add_prepare(kinds)
    shard_commands.add_parsers(kinds)


def check(args: argparse.Namespace) -> int:
    """``lipstream data check``."""
    _needs_train()
    from .data.manifest import read_manifest
    from .data.prepare import survey

    manifests = [read_manifest(path) for path in args.manifest]
    with ProgressBar("check") as bar:
        found = survey(manifests, bar)
    print(found.text())
    if found.problems:
        _name(found.problems)
        raise InputError(f"{len(found.problems)} problems: make the manifest again")
    return 0


def prepare(args: argparse.Namespace) -> int:
    """``lipstream data prepare``."""
    _needs_train()
    from .data.corpus import read_library
    from .data.prepare import prepare as fill

    if args.jobs < 1:
        raise InputError("--jobs must be at least 1")
    library = read_library(tuple(args.data))
    with ProgressBar("prepare") as bar:
        problems = fill(library, args.cache, args.jobs, bar)
    if problems:
        _name(problems)
        raise InputError(f"{len(problems)} recordings cannot be used: make the manifest again")
    return 0


def _list(adapter: Adapter, args: argparse.Namespace) -> int:
    """Write the manifest of a corpus."""
    _needs_train()
    from .data.corpora.scan import measure_items
    from .data.manifest import write_manifest

    out = args.out or Path(f"{adapter.name}.jsonl")
    if out.exists() and not args.force:
        raise InputError(f"{out} exists: name another file with --out, or say --force")
    listed = adapter.read(args.folder)
    with ProgressBar(adapter.name) as bar:
        measured = measure_items(listed, bar)
    write_manifest(measured.manifest, out)
    if measured.left_out:
        _name(measured.left_out)
        complain("warning", f"{len(measured.left_out)} files were left out")
    print(out)
    return 0


def _name(problems: tuple[str, ...]) -> None:
    for problem in problems[:_MOST_NAMED]:
        complain("warning", problem)
    if len(problems) > _MOST_NAMED:
        complain("warning", f"... and {len(problems) - _MOST_NAMED} more")


def _add_corpus(
    kinds: "argparse._SubParsersAction[argparse.ArgumentParser]", adapter: Adapter
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = kinds.add_parser(
        adapter.name,
        help=adapter.title,
        description=f"Write the manifest of {adapter.title}. FOLDER holds {adapter.layout}.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the corpus is")
    parser.add_argument(
        "-o", "--out", type=Path, metavar="FILE", help=f"the manifest to write ({adapter.name}.jsonl)"
    )
    parser.add_argument("--force", action="store_true", help="write over a manifest that is there")
    return parser


def _add_folders(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Any folder of speech, noise or rooms."""
    makers: dict[str, Callable[..., Adapter]] = {
        "speech": folders.speech_folder,
        "noise": folders.noise_folder,
        "rir": folders.rir_folder,
    }
    for name, make in makers.items():
        parser = _add_corpus(kinds, make())
        share = folders.HELD_OUT_SPEAKERS if name == "speech" else HELD_OUT_NOISE
        parser.add_argument("--source", default=name, help="name of the collection (%(default)s)")
        parser.add_argument("--licence", default=UNKNOWN_LICENCE, help="of all of it (%(default)s)")
        parser.add_argument(
            "--held-out",
            type=float,
            default=share,
            metavar="SHARE",
            help=f"share of the {'speakers' if name == 'speech' else 'files'} for validation (%(default)s)",
        )
        if name == "speech":
            parser.add_argument(
                "--speaker-depth",
                type=int,
                default=1,
                metavar="N",
                help="the folder that names the speaker: 1 right below FOLDER, 2 below that (%(default)s)",
            )
        parser.set_defaults(run=lambda args, make=make: _list(make(**_folder_options(args)), args))


def _folder_options(args: argparse.Namespace) -> dict[str, object]:
    if not 0.0 <= args.held_out < 1.0:
        raise InputError("--held-out must be at least 0 and below 1")
    options = {"source": args.source, "licence": args.licence, "share": args.held_out}
    if "speaker_depth" not in args:
        return options
    if args.speaker_depth < 1:
        raise InputError("--speaker-depth must be at least 1")
    return options | {"speaker_depth": args.speaker_depth}


def _add_check(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = kinds.add_parser(
        "check",
        help="look over manifests: are the files there, and how many hours of what",
        description="Look at every file of the manifests: is it there, readable and as long as its row says; "
        "is any speaker on more than one side of the split. Prints rows, hours and speakers of each kind and "
        "split, and hours by licence.",
    )
    parser.set_defaults(run=check)
    parser.add_argument("manifest", type=Path, nargs="+", metavar="MANIFEST", help="from lipstream data ...")


def _add_prepare(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = kinds.add_parser(
        "prepare",
        help="fill the cache of a run ahead of it",
        description="Decode recordings and crop faces into the cache, with several processes. Training does "
        "the same before its first step, with one.",
    )
    parser.set_defaults(run=prepare)
    parser.add_argument("data", nargs="+", metavar="DATA", help="manifests, or folders with tables")
    parser.add_argument(
        "--cache", type=Path, default=Path("runs/cache"), metavar="DIR", help="the cache (%(default)s)"
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (one a core)"
    )


def _needs_train() -> None:
    """The extra 'train' reads films and resamples."""
    try:
        import av  # noqa: F401
        import soxr  # noqa: F401
    except ImportError as error:
        raise needs_extra("data", "train", error) from error

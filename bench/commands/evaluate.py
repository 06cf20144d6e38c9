"""The command ``lipstream evaluate``. Light at import."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.console import complain
from ...errors import InputError
from .results import PAGE, TITLE, add_action_parsers, require_bench

if TYPE_CHECKING:
    from ..data.custom import Recordings
    from ..evaluation.run import Outcome

EXIT_INTERRUPTED = 130
VIDEOS = ("good", "black", "frozen", "stuck", "wrong")


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands of this file."""
    parser = subparsers.add_parser(
        "evaluate",
        help="score models or enhanced files, with a report",
        description="Enhance test recordings with one or several systems, score them, and write "
        "results.json, scores.csv, by_snr.csv and report.html into a folder. The recordings are test sets of "
        "the data folder, folders of files with the same names, or a CSV list. After Ctrl-C the same command "
        "goes on where it stopped. Needs the extra 'bench', and 'video' for the set av.",
        epilog="Example: lipstream evaluate --set audio av --system lite --system DFN3=enhanced/dfn3 "
        "--out-dir runs/evaluation",
    )
    parser.set_defaults(run=evaluate)
    _add_recordings(parser)
    _add_systems(parser)
    _add_run(parser)
    actions = parser.add_subparsers(title="with results, or without recordings", metavar="ACTION")
    add_action_parsers(actions)


def evaluate(args: argparse.Namespace) -> int:
    """``lipstream evaluate``.

    Returns:
        0, or 130 if the run was interrupted; what it had finished is kept.
    """
    require_bench()
    from ..evaluation.results import load_results
    from ..evaluation.run import RESULTS, EvaluateConfig, evaluate_systems
    from ..evaluation.summaries import save_by_snr_csv, scores_text
    from ..metrics.scoring import DEFAULT_FAMILIES, check_families
    from ..report.page import save_page
    from ..speed.cost import measure_variants
    from ..systems.ours import ModelSystem, parse_system

    families = tuple(args.metrics or DEFAULT_FAMILIES)
    check_families(families)
    config = EvaluateConfig(families, args.jobs, args.examples)
    recordings = _recordings(args)
    specs = [*(args.system or ()), *([f"enhanced={args.enhanced}"] if args.enhanced else ())] or ["lite"]
    systems = [parse_system(spec, args.videos, recordings) for spec in specs]
    settings = {
        "sets": [entry.name for entry in recordings],
        "systems": specs,
        "metrics": families,
        "videos": args.videos,
    }
    models = {(system.model, system.runtime) for system in systems if isinstance(system, ModelSystem)}
    try:
        results = evaluate_systems(
            recordings,
            systems,
            settings,
            config,
            args.out_dir,
            lambda: measure_variants(sorted(models), hops=400),
            _with_bar,
        )
    except KeyboardInterrupt:
        complain("note", f"interrupted: the same command goes on with what is finished in '{args.out_dir}'")
        return EXIT_INTERRUPTED
    save_by_snr_csv(args.out_dir / "by_snr.csv", results)
    save_page(args.out_dir / PAGE, load_results(args.out_dir / RESULTS), args.title)
    print(f"{scores_text(results)}\n\n{args.out_dir / PAGE}")
    return 0


def _add_recordings(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("recordings")
    add = group.add_argument
    add("--set", nargs="+", choices=("audio", "av"), metavar="SET", help="test sets: audio, av (audio)")
    add("--data", type=Path, metavar="DIR", help="data folder (default: LIPSTREAM_DATA, else ../shared/data)")
    add(
        "--manifest",
        type=Path,
        metavar="CSV",
        help="in place of a test set: a list with the columns noisy, clean and, where known, id, snr, "
        "condition, speaker, kind, video; paths are relative to the list",
    )
    add("--clean", type=Path, metavar="DIR", help="in place of a test set: folder of clean references")
    add("--noisy", type=Path, metavar="DIR", help="folder of noisy recordings, named as the clean ones")
    add(
        "--enhanced",
        type=Path,
        metavar="DIR",
        help="folder of enhanced recordings: the same as --system enhanced=DIR",
    )


def _add_systems(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("systems")
    group.add_argument(
        "--system",
        action="append",
        metavar="[NAME=]SPEC",
        help="MODEL[:RUNTIME][@WEIGHTS], such as lite, lite:eager, lite@run/best.safetensors, "
        "lite@exported/, lite:offline@offline.safetensors, or a folder of enhanced files; may be given "
        "several times (lite)",
    )
    group.add_argument(
        "--videos",
        nargs="*",
        choices=VIDEOS,
        default=list(VIDEOS),
        metavar="KIND",
        help="what to show a model of speakers who have a video, beside enhancing from sound alone: good, "
        "black, frozen (from the start), stuck (from half way), wrong (all); none at all: --videos alone",
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("run")
    group.add_argument(
        "--metrics",
        nargs="+",
        metavar="METRIC",
        help="pesq, stoi, si-sdr, composite (with pesq), level, dnsmos, utmos, nisqa, scoreq "
        "(stoi si-sdr composite level dnsmos)",
    )
    group.add_argument(
        "--out-dir",
        type=Path,
        default=Path("evaluation"),
        metavar="DIR",
        help="where to write: empty, or with the unfinished run of the same command (%(default)s)",
    )
    group.add_argument("--jobs", type=int, default=1, metavar="N", help="processes that score (%(default)s)")
    group.add_argument(
        "--examples",
        type=int,
        default=3,
        metavar="N",
        help="recordings of each set to see and to hear in the report (%(default)s)",
    )
    group.add_argument("--title", default=TITLE, metavar="TEXT", help="of the report (%(default)s)")


def _recordings(args: argparse.Namespace) -> "list[Recordings]":
    from ..data.builtin import RecordingSet
    from ..data.custom import FolderPairs, ManifestPairs

    recordings: list[Recordings] = []
    if args.manifest is not None:
        recordings.append(ManifestPairs(args.manifest))
    if args.clean is not None:
        recordings.append(FolderPairs(args.clean, args.noisy))
    elif args.noisy is not None:
        raise InputError("--noisy needs its references: name their folder with --clean")
    names = args.set or ([] if recordings else ["audio"])
    return [*recordings, *(RecordingSet(name, args.data) for name in names)]


def _with_bar(outcomes: "Iterable[Outcome]", total: int) -> "Iterable[Outcome]":
    """The recordings as they are finished, with a bar on stderr where that is a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(
        outcomes, "recordings", total=total, console=console, transient=True, disable=not sys.stderr.isatty()
    )

"""The command ``lipstream evaluate`` with its actions ``compare`` and ``report``. Light at import."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.console import complain
from ...core.options import add_options, from_options
from ...errors import InputError
from ..evaluation.config import EvaluateConfig
from .arguments import add_data, check_json, require_bench, with_bar
from .speed import add_cost

if TYPE_CHECKING:
    from ..data.recordings import Recordings
    from ..evaluation.results import Results

EXIT_INTERRUPTED = 130
SETS = ("audio", "av", "fidelity", "noise")
VIDEOS = ("good", "black", "frozen", "stuck", "wrong")

PAGE = "report.html"
TITLE = "Lipstream evaluation"


def add_evaluate(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "evaluate",
        help="score models or enhanced files, with a report",
        description="Enhance test recordings with one or several systems, score them, and write "
        "results.json, scores.csv, by_snr.csv and report.html into a folder. The recordings are test sets of "
        "the data folder, folders of files with the same names, or a CSV list. After Ctrl-C the same command "
        "goes on where it stopped. Needs the extra 'bench', and 'video' for the set av.",
        epilog="Example: lipstream evaluate --set audio av --system lite --system DFN3=enhanced/dfn3 "
        "--system peer:rnnoise --out-dir runs/evaluation",
    )
    parser.set_defaults(run=evaluate)
    _add_recordings(parser)
    _add_systems(parser)
    _add_run(parser)
    actions = parser.add_subparsers(title="with results, or without recordings", metavar="ACTION")
    _add_compare(actions)
    _add_report(actions)
    add_cost(actions, "complexity", "evaluate complexity")


def evaluate(args: argparse.Namespace) -> int:
    """``lipstream evaluate``.

    Returns:
        0, or 130 if the run was interrupted; what it had finished is kept.
    """
    require_bench("evaluate")
    from ..evaluation.results import load_results
    from ..evaluation.run import RESULTS, evaluate_systems
    from ..evaluation.summaries import save_by_snr_csv
    from ..metrics.scoring import (
        DEFAULT_FAMILIES,
        FIDELITY_FAMILIES,
        NOISE_ALONE_FAMILIES,
        check_families,
    )
    from ..report.page import save_page
    from ..systems.named import parse_system

    alone = {"fidelity": FIDELITY_FAMILIES, "noise": NOISE_ALONE_FAMILIES}
    name = args.set[0] if args.set is not None and len(args.set) == 1 else ""
    families = tuple(args.metrics or alone.get(name, DEFAULT_FAMILIES))
    check_families(families)
    config = from_options(EvaluateConfig, args, families=families)
    recordings = _recordings(args)
    specs = [*(args.system or ()), *([f"enhanced={args.enhanced}"] if args.enhanced else ())] or ["lite"]
    systems = [parse_system(spec, args.videos, recordings) for spec in specs]
    settings = {
        "sets": [entry.name for entry in recordings],
        "systems": specs,
        "metrics": families,
        "videos": args.videos,
        "limit": args.limit,
    }
    try:
        results = evaluate_systems(recordings, systems, settings, config, args.out_dir, with_bar)
    except KeyboardInterrupt:
        complain("note", f"interrupted: the same command goes on with what is finished in '{args.out_dir}'")
        return EXIT_INTERRUPTED
    save_by_snr_csv(args.out_dir / "by_snr.csv", results)
    save_page(args.out_dir / PAGE, load_results(args.out_dir / RESULTS), args.title)
    print(f"{_tables(results)}\n\n{args.out_dir / PAGE}")
    for note in results.notes:
        complain("note", note)
    return 0


def _tables(results: "Results") -> str:
    from ..data.recordings import NOISY
    from ..report.text import FIDELITY, fidelity_table, scores_table

    tables = [scores_table(results)]
    if FIDELITY in results.metrics:
        signals = [signal for signal in results.signals if signal != NOISY]
        tables += [f"{signal}\n{fidelity_table(results, signal)}" for signal in signals]
    return "\n\n".join(tables)


def _compare(args: argparse.Namespace) -> int:
    require_bench("evaluate compare")
    from ..evaluation.comparison import compare_results, only_signal, signal_pairs, unmatched
    from ..evaluation.results import load_results
    from ..output import write_json
    from ..report.text import comparison_table

    check_json(args.json)
    a, name_b = load_results(args.a), args.b or args.a
    b = a if args.b is None else load_results(args.b)
    if args.b is None and not (args.signal_a and args.signal_b):
        wanted = {args.signal_a, args.signal_b} - {None}
        pairs = [pair for pair in signal_pairs(a) if wanted <= set(pair)]
        if not pairs:
            raise InputError(f"'{args.a}' has no two signals to compare: it holds {', '.join(a.signals)}")
    else:
        signal_a = args.signal_a or only_signal(a, f"'{args.a}'")
        pairs = [(signal_a, args.signal_b or only_signal(b, f"'{name_b}'"))]
    found = []
    for signal_a, signal_b in pairs:
        comparisons = compare_results(a, b, signal_a, signal_b, args.metric or ())
        found.append({"a": signal_a, "b": signal_b, "comparisons": comparisons})
        print(f"A: {signal_a} of {args.a}\nB: {signal_b} of {name_b}\n\n{comparison_table(comparisons)}\n")
        if only := unmatched(a, b, signal_a, signal_b):
            complain("note", f"{signal_a} and {signal_b}, not compared: {only}")
    if args.json is not None:
        write_json(args.json, found[0] if len(found) == 1 else {"pairs": found})
    return 0


def _report(args: argparse.Namespace) -> int:
    """``lipstream evaluate report``."""
    require_bench("evaluate report")
    from ..evaluation.results import load_results, merge_results
    from ..output import check_writable
    from ..report.page import save_page

    check_writable(args.output)
    if args.output.exists() and not args.force:
        raise InputError(f"'{args.output}' exists: name another file with -o, or replace it with --force")
    names = [path.parent.name if path.name == "results.json" else path.stem for path in args.files]
    if len(set(names)) < len(names):
        names = [str(path) for path in args.files]
    files = {name: load_results(path) for name, path in zip(names, args.files, strict=True)}
    save_page(args.output, merge_results(files), args.title)
    print(args.output)
    return 0


def _add_recordings(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("recordings")
    add = group.add_argument
    add(
        "--set",
        nargs="+",
        choices=SETS,
        metavar="SET",
        help="test sets: audio; av, with videos; fidelity, clean, quiet and whispered speech that should "
        "stay as it is, made of audio; noise, the noise of audio without speech (audio)",
    )
    add_data(group)
    add(
        "--manifest",
        type=Path,
        metavar="CSV",
        help="in place of a test set: a list with the columns noisy, clean and, where known, id, snr, "
        "condition, speaker, kind, video; paths are relative to the list",
    )
    add("--limit", type=int, metavar="N", help="a quick look: N recordings of each set, spread evenly (all)")
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
        "lite@exported/, lite:offline@offline.safetensors; a folder of enhanced files; or peer:NAME, with "
        "rnnoise, deepfilternet3, dtln, webrtc, noisereduce, a preset, or a TOML file that describes an ONNX "
        "graph; may be given several times (lite)",
    )
    group.add_argument(
        "--videos",
        nargs="*",
        choices=VIDEOS,
        default=list(VIDEOS),
        metavar="KIND",
        help="what to show a model of speakers who have a video, beside enhancing audio-only: good, "
        "black, frozen (from the start), stuck (from half way), wrong (all); none at all: --videos alone",
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("run")
    group.add_argument(
        "--metrics",
        nargs="+",
        metavar="METRIC",
        help="pesq, stoi, si-sdr, composite (with pesq), level, over-suppression, attenuation, dnsmos, "
        "utmos, nisqa, scoreq (stoi si-sdr composite level dnsmos; for the set fidelity alone: pesq stoi "
        "level over-suppression; for noise alone: attenuation)",
    )
    group.add_argument(
        "--out-dir",
        type=Path,
        default=Path("evaluation"),
        metavar="DIR",
        help="where to write: empty, or with the unfinished run of the same command (%(default)s)",
    )
    add_options(group, EvaluateConfig)
    group.add_argument("--title", default=TITLE, metavar="TEXT", help="of the report (%(default)s)")


def _recordings(args: argparse.Namespace) -> "list[Recordings]":
    from ..data.builtin import RecordingSet
    from ..data.conditions import FidelitySet
    from ..data.custom import FolderPairs, ManifestPairs
    from ..data.noise_alone import NoiseAloneSet
    from ..data.recordings import Sample

    recordings: list[Recordings] = []
    if args.manifest is not None:
        recordings.append(ManifestPairs(args.manifest))
    if args.clean is not None:
        recordings.append(FolderPairs(args.clean, args.noisy))
    elif args.noisy is not None:
        raise InputError("--noisy needs its references: name their folder with --clean")
    for name in args.set or ([] if recordings else ["audio"]):
        if name == FidelitySet.name:
            recordings.append(FidelitySet(args.data))
        elif name == NoiseAloneSet.name:
            recordings.append(NoiseAloneSet(args.data))
        else:
            recordings.append(RecordingSet(name, args.data))
    return recordings if args.limit is None else [Sample(entry, args.limit) for entry in recordings]


def _add_compare(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = actions.add_parser(
        "compare",
        help="paired tests between two files of results",
        description="Compare a signal of one file of results with one of another over the recordings that "
        "both have: paired t-test, Wilcoxon signed-rank test, Cohen's d of the differences. Of a single file "
        "all its signals are compared in pairs.",
    )
    parser.set_defaults(run=_compare)
    parser.add_argument("a", type=Path, metavar="A.json", help="results of lipstream evaluate or bench")
    parser.add_argument("b", type=Path, nargs="?", metavar="B.json", help="others to hold against them (A)")
    parser.add_argument("--signal-a", metavar="NAME", help="signal of A (the only one beside noisy)")
    parser.add_argument("--signal-b", metavar="NAME", help="signal of B (the only one beside noisy)")
    parser.add_argument("--metric", nargs="+", metavar="NAME", help="as in the files, such as pesq_wb (all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the comparison to this file as well")


def _add_report(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = actions.add_parser(
        "report",
        help="one HTML page of one or several files of results",
        description="Put results of lipstream evaluate on the same recordings into one page.",
    )
    parser.set_defaults(run=_report)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.json", help="results")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(PAGE), metavar="FILE", help="the page (%(default)s)"
    )
    parser.add_argument("--force", action="store_true", help="replace the page if it is there")
    parser.add_argument("--title", default=TITLE, metavar="TEXT", help="of the page (%(default)s)")

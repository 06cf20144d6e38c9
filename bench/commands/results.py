"""The commands ``lipstream evaluate compare | report | complexity``. Light at import."""

import argparse
from importlib.util import find_spec
from pathlib import Path

from ...errors import InputError

PAGE = "report.html"
TITLE = "Lipstream evaluation"

#: What the extra 'bench' brings.
BENCH_PACKAGES = ("jinja2", "matplotlib", "pesq", "pystoi", "scipy")


def add_action_parsers(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands of this file."""
    _add_compare(actions)
    _add_report(actions)
    _add_complexity(actions)


def compare(args: argparse.Namespace) -> int:
    """``lipstream evaluate compare``."""
    require_bench()
    from ..evaluation.comparison import compare_results, comparison_table, only_signal
    from ..evaluation.results import load_results
    from ..output import check_writable, write_json

    if args.json is not None:
        check_writable(args.json)
    a, b = load_results(args.a), load_results(args.b)
    signal_a = args.signal_a or only_signal(a, f"'{args.a}'")
    signal_b = args.signal_b or only_signal(b, f"'{args.b}'")
    comparisons = compare_results(a, b, signal_a, signal_b, args.metric or ())
    print(f"A: {signal_a} of {args.a}\nB: {signal_b} of {args.b}\n\n{comparison_table(comparisons)}")
    if args.json is not None:
        write_json(args.json, {"a": signal_a, "b": signal_b, "comparisons": comparisons})
    return 0


def report(args: argparse.Namespace) -> int:
    """``lipstream evaluate report``."""
    require_bench()
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


def complexity(args: argparse.Namespace) -> int:
    """``lipstream evaluate complexity``."""
    from ..output import check_writable, write_json
    from ..speed.candidates import available_runtimes
    from ..speed.cost import measure_variants, variants_table
    from ..speed.machine import fingerprint

    if args.json is not None:
        check_writable(args.json)
    machine = fingerprint()
    runtimes = args.runtime or available_runtimes()
    rows = measure_variants([(model, runtime) for model in args.model for runtime in runtimes], args.hops)
    print(f"{machine.describe()}\n\n{variants_table(rows)}")
    if args.json is not None:
        write_json(args.json, {"machine": machine, "complexity": rows})
    return 0


def require_bench() -> None:
    """Find out whether the extra 'bench' is installed.

    Raises:
        InputError: it is not.
    """
    missing = [name for name in BENCH_PACKAGES if find_spec(name) is None]
    if missing:
        raise InputError(
            f"evaluate needs the extra 'bench' ({', '.join(missing)} missing): pip install 'lipstream[bench]'"
        )


def _add_compare(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = actions.add_parser(
        "compare",
        help="paired tests between two files of results",
        description="Compare a signal of one file of results with one of another over the recordings that "
        "both have: paired t-test, Wilcoxon signed-rank test, Cohen's d of the differences.",
    )
    parser.set_defaults(run=compare)
    parser.add_argument("a", type=Path, metavar="A.json", help="results of lipstream evaluate or bench")
    parser.add_argument("b", type=Path, metavar="B.json", help="others to hold against them")
    parser.add_argument("--signal-a", metavar="NAME", help="signal of A (its only one beside noisy)")
    parser.add_argument("--signal-b", metavar="NAME", help="signal of B (its only one beside noisy)")
    parser.add_argument("--metric", nargs="+", metavar="NAME", help="as in the files, such as pesq_wb (all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the comparison to this file as well")


def _add_report(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = actions.add_parser(
        "report",
        help="one HTML page of one or several files of results",
        description="Put results of lipstream evaluate, bench quality and bench peers on the same recordings "
        "into one page.",
    )
    parser.set_defaults(run=report)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.json", help="results")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(PAGE), metavar="FILE", help="the page (%(default)s)"
    )
    parser.add_argument("--force", action="store_true", help="replace the page if it is there")
    parser.add_argument("--title", default=TITLE, metavar="TEXT", help="of the page (%(default)s)")


def _add_complexity(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = actions.add_parser(
        "complexity",
        help="parameters, operations, time and memory of models",
        description="Measure what models cost on each runtime, each in a process of its own.",
    )
    parser.set_defaults(run=complexity)
    parser.add_argument("--model", nargs="+", default=["lite"], metavar="M", help="presets (lite)")
    parser.add_argument(
        "--runtime",
        nargs="+",
        metavar="R",
        help="onnx, eager, offline (all but offline that are there)",
    )
    parser.add_argument("--hops", type=int, default=800, metavar="N", help="hops to time (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file as well")

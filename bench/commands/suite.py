"""``lipstream bench suite | compare``. Light at import."""

import argparse
from pathlib import Path

from ...core.console import complain
from ...core.extras import needs_extra
from ...core.storage import make_folder
from .arguments import add_json, at_least, check_json, show

#: What the suite leaves in its folder.
JSON, PAGE = "suite.json", "report.html"
#: Exit code of ``compare`` where something got worse.
EXIT_REGRESSION = 1


def add_suite(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands."""
    _add_suite(kinds)
    _add_compare(kinds)


def suite(args: argparse.Namespace) -> int:
    """``lipstream bench suite``."""
    try:
        from ..suite.page import save_suite_page
        from ..suite.run import run_suite
    except ImportError as error:
        raise needs_extra("bench suite", "bench", error) from error
    from ..output import write_json

    make_folder(args.out)
    for name in (JSON, PAGE):
        check_json(args.out / name)
    report = run_suite(args.quick, _tell)
    write_json(args.out / JSON, report)
    save_suite_page(args.out / PAGE, report)
    print(f"{report.text()}\n\n{args.out / PAGE}")
    return 0


def compare(args: argparse.Namespace) -> int:
    """``lipstream bench compare``."""
    from ..suite.compare import compare_suites, load_suite

    check_json(args.json)
    comparison = compare_suites(load_suite(args.a), load_suite(args.b), args.threshold)
    for warning in comparison.warnings:
        complain("warning", warning)
    show(comparison.text(), comparison, args.json)
    return EXIT_REGRESSION if comparison.regressions else 0


def _tell(title: str, number: int, count: int) -> None:
    complain("suite", f"{number} of {count}: {title}")


def _add_suite(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = kinds.add_parser(
        "suite",
        help="all measurements of speed, as one page and one JSON file",
        description="Run latency, layers, offline, scaling, streams, pipeline, roofline and cuda with sizes "
        f"that take a few minutes on one core, and write {JSON}, to compare with, and {PAGE}, to look at. "
        "What cannot be measured here is told so. Needs the extra 'bench', for most of it 'torch'.",
    )
    parser.set_defaults(run=suite)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write into")
    parser.add_argument("--quick", action="store_true", help="fewer hops and sizes: about a minute")


def _add_compare(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = kinds.add_parser(
        "compare",
        help="two runs of the suite: what got worse",
        description=f"Compare two {JSON} of bench suite. A measurement got worse where it moved by more "
        "than the threshold and by more than the noise that both runs measured of it. The exit code is 1 if "
        "one did.",
    )
    parser.set_defaults(run=compare)
    parser.add_argument("a", type=Path, metavar="A.json", help="the run to keep up with")
    parser.add_argument("b", type=Path, metavar="B.json", help="the run to judge")
    parser.add_argument(
        "--threshold",
        type=at_least(0),
        default=10,
        metavar="P",
        help="percent up to which a change is none (%(default)s)",
    )
    add_json(parser)

"""``lipstream bench floor``. Light at import."""

import argparse
from typing import TYPE_CHECKING

from ..errors import InputError
from .arguments import add_count, add_json, add_model, run_and_show

if TYPE_CHECKING:
    from .floor import FloorReport


def add_floor(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = kinds.add_parser(
        "floor",
        help="how close a hop comes to what the core can do",
        description="Measure what one core does at most, and the hops of the runtimes, which take turns in "
        "one process: their ratios hold on a machine that has other work too. Needs the extra 'torch' and a "
        "C++ compiler.",
    )
    parser.set_defaults(run=floor)
    add_model(parser)
    parser.add_argument(
        "--runtime",
        nargs="+",
        default=["onnx", "native"],
        metavar="R",
        help="the first is what the others are compared with (onnx native)",
    )
    add_count(parser, "--hops", 2000, "of each runtime, after the warm-up")
    add_json(parser)


def floor(args: argparse.Namespace) -> int:
    """``lipstream bench floor``."""
    from ..kernels.build import BuildError

    try:
        return run_and_show(lambda: _measure(args), args.json)
    except BuildError as error:
        raise InputError(f"bench floor needs a C++ compiler: install g++ or clang++ ({error})") from error


def _measure(args: argparse.Namespace) -> "FloorReport":
    from .floor import measure_floor

    return measure_floor(args.model, args.runtime, args.hops)

"""``lipstream bench floor``. Light at import."""

import argparse
from pathlib import Path

from ..errors import InputError


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
    parser.add_argument("--model", default="lite", metavar="M", help="preset (%(default)s)")
    parser.add_argument(
        "--runtime",
        nargs="+",
        default=["onnx", "native"],
        metavar="R",
        help="the first is what the others are compared with (onnx native)",
    )
    parser.add_argument(
        "--hops", type=int, default=2000, metavar="N", help="of each runtime, after the warm-up (%(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results to this file as well")


def floor(args: argparse.Namespace) -> int:
    """``lipstream bench floor``."""
    from ..kernels.build import BuildError
    from .report import check_writable, write_json

    if args.hops < 1:
        raise InputError(f"--hops {args.hops} must be at least 1")
    if args.json is not None:
        check_writable(args.json)
    try:
        from .floor import measure_floor

        report = measure_floor(args.model, args.runtime, args.hops)
    except ImportError as error:
        raise InputError(
            f"bench floor needs the extra 'torch': pip install 'lipstream[torch]' ({error})"
        ) from error
    except BuildError as error:
        raise InputError(f"bench floor needs a C++ compiler: install g++ or clang++ ({error})") from error
    print(report.text())
    if args.json is not None:
        write_json(args.json, report)
    return 0

"""``lipstream bench latency | rtf | quality``, and where other rooms add theirs. Light at import."""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..train import commands as train_commands
from .floor_commands import add_floor
from .peers.commands import add_peers

if TYPE_CHECKING:
    from .testset import Item, RecordingSet


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands of this room."""
    bench = subparsers.add_parser(
        "bench", help="measure speed and quality", description="Measure speed and quality."
    )
    kinds = bench.add_subparsers(title="measurements", metavar="WHAT", required=True)
    _add_latency(kinds)
    _add_rtf(kinds)
    add_floor(kinds)
    _add_quality(kinds)
    add_peers(kinds)
    train_commands.add_bench_parser(kinds)


def latency(args: argparse.Namespace) -> int:
    """``lipstream bench latency``."""
    from .speed import available_runtimes, measure_latency

    _check_json(args.json)
    report = measure_latency(args.model, args.runtime or available_runtimes(), args.hops, args.threads)
    _show(report.text(), report, args.json)
    return 0


def rtf(args: argparse.Namespace) -> int:
    """``lipstream bench rtf``."""
    from .speed import available_runtimes, measure_rtf

    _check_json(args.json)
    runtimes = args.runtime or available_runtimes()
    report = measure_rtf(args.model, runtimes, args.input, args.seconds, args.threads)
    _show(report.text(), report, args.json)
    return 0


def quality(args: argparse.Namespace) -> int:
    """``lipstream bench quality``."""
    try:
        from .evaluation import evaluate
    except ImportError as error:
        raise InputError(
            f"bench quality needs the extra 'bench': pip install 'lipstream[bench]' ({error})"
        ) from error
    from .machine import fingerprint
    from .testset import RecordingSet

    _check_json(args.json)
    machine = fingerprint()
    recordings = RecordingSet(args.set, args.data)
    report = evaluate(_with_bar(recordings), args.model, args.runtime, not args.no_video, args.jobs)
    _show(
        f"{machine.describe()}\n\n{args.model} {args.runtime}, test set {args.set}\n{report.table()}",
        {
            "machine": machine,
            "set": args.set,
            "model": args.model,
            "runtime": args.runtime,
            "summaries": report.summaries(),
            "items": report.items,
        },
        args.json,
    )
    return 0


def _add_latency(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = kinds.add_parser(
        "latency",
        help="time of each hop, and the size of the models",
        description="Time each hop through the public step of each runtime, and each video frame. With the "
        "extra 'torch' also the bidirectional offline form of the same preset, and the sizes.",
    )
    parser.set_defaults(run=latency)
    _add_candidates(parser)
    parser.add_argument(
        "--hops",
        type=_at_least(1),
        default=2000,
        metavar="N",
        help="hops to time after the warm-up (%(default)s)",
    )
    _add_json(parser)


def _add_rtf(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = kinds.add_parser(
        "rtf",
        help="real-time factor of whole files",
        description="Time how long a file takes with each runtime. With the extra 'torch' also the "
        "bidirectional offline form of the same preset.",
    )
    parser.set_defaults(run=rtf)
    _add_candidates(parser)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--input", type=Path, metavar="FILE", help="audio file (default: a made one)")
    source.add_argument(
        "--seconds", type=_at_least(1), default=30, metavar="S", help="length of the made file (%(default)s)"
    )
    _add_json(parser)


def _add_quality(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = kinds.add_parser(
        "quality",
        help="PESQ, ESTOI and SI-SDR on test recordings",
        description="Stream test recordings through a model and score them beside the noisy ones. Needs the "
        "extra 'bench', and 'video' for the set av.",
    )
    parser.set_defaults(run=quality)
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="data folder (default: LIPSTREAM_DATA, else ../shared/data)"
    )
    parser.add_argument("--set", choices=("audio", "av"), default="audio", help="recordings (%(default)s)")
    parser.add_argument("--no-video", action="store_true", help="leave the videos of the set av unused")
    parser.add_argument("--model", default="lite", metavar="M", help="preset (%(default)s)")
    parser.add_argument("--runtime", default="onnx", metavar="R", help="onnx, eager or native (%(default)s)")
    parser.add_argument(
        "--jobs", type=int, choices=(1, 2), default=1, help="processes that score (%(default)s)"
    )
    _add_json(parser)


def _add_candidates(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", nargs="+", default=["lite"], metavar="M", help="presets (lite)")
    parser.add_argument(
        "--runtime", nargs="+", metavar="R", help="onnx, eager, native (default: all that are installed)"
    )
    parser.add_argument(
        "--threads",
        type=_at_least(1),
        default=1,
        metavar="N",
        help="threads of torch; ONNX Runtime always has one (%(default)s)",
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results to this file as well")


def _at_least(least: int) -> Callable[[str], int]:
    """A type for argparse: a whole number from ``least``."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least}")
        return value

    return parse


def _check_json(path: Path | None) -> None:
    """Find out before an hour of measuring whether its report can be written."""
    from .report import check_writable

    if path is not None:
        check_writable(path)


def _show(text: str, payload: Any, path: Path | None) -> None:
    from .report import write_json

    print(text)
    if path is not None:
        write_json(path, payload)


def _with_bar(recordings: "RecordingSet") -> "Iterable[Item]":
    """The recordings, with a bar on stderr where that is a terminal."""
    from rich.console import Console
    from rich.progress import track

    return track(
        recordings,
        "scoring",
        total=len(recordings),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )

"""``lipstream bench latency | rtf | quality | fidelity``, and what other rooms add. Light at import."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError
from ...train import commands as train_commands
from .arguments import (
    add_count,
    add_json,
    add_model,
    add_models,
    add_runtimes,
    add_threads,
    at_least,
    check_json,
    run_and_show,
    show,
)
from .peers import add_peers
from .speed import add_costs, add_floor
from .suite import add_suite

if TYPE_CHECKING:
    from ..data.builtin import Item, RecordingSet
    from ..data.fidelity import FidelityReport
    from ..evaluation.quality import QualityReport
    from ..speed.machine import Machine


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands of this room."""
    bench = subparsers.add_parser(
        "bench", help="measure speed and quality", description="Measure speed and quality."
    )
    kinds = bench.add_subparsers(title="measurements", metavar="WHAT", required=True)
    _add_latency(kinds)
    _add_rtf(kinds)
    add_floor(kinds)
    add_costs(kinds)
    _add_quality(kinds)
    _add_fidelity(kinds)
    add_peers(kinds)
    train_commands.add_bench_parser(kinds)
    add_suite(kinds)


def latency(args: argparse.Namespace) -> int:
    """``lipstream bench latency``."""
    from ..speed.candidates import available_runtimes
    from ..speed.latency import measure_latency

    runtimes = args.runtime or available_runtimes()
    return run_and_show(lambda: measure_latency(args.model, runtimes, args.hops, args.threads), args.json)


def rtf(args: argparse.Namespace) -> int:
    """``lipstream bench rtf``."""
    from ..speed.candidates import available_runtimes
    from ..speed.rtf import measure_rtf

    runtimes = args.runtime or available_runtimes()
    return run_and_show(
        lambda: measure_rtf(args.model, runtimes, args.input, args.seconds, args.threads), args.json
    )


def quality(args: argparse.Namespace) -> int:
    """``lipstream bench quality``."""
    try:
        from ..data.builtin import RecordingSet
        from ..systems.chunks import evaluate
    except ImportError as error:
        raise _needs_bench(error) from error
    from ..speed.machine import fingerprint

    check_json(args.json)
    machine = fingerprint()
    recordings = _with_bar(RecordingSet(args.set, args.data))
    report = evaluate(recordings, args.model, args.runtime, not args.no_video, args.jobs)
    _show_scores(args, machine, args.set, report)
    return 0


def fidelity(args: argparse.Namespace) -> int:
    """``lipstream bench fidelity``."""
    try:
        from ..data.builtin import RecordingSet
        from ..data.fidelity import measure_fidelity
    except ImportError as error:
        raise _needs_bench(error) from error
    from ..speed.machine import fingerprint

    check_json(args.json)
    machine = fingerprint()
    recordings = _with_bar(RecordingSet("audio", args.data))
    report = measure_fidelity(recordings, args.model, args.runtime, args.items, args.jobs)
    _show_scores(args, machine, "audio", report)
    return 0


def _add_latency(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = kinds.add_parser(
        "latency",
        help="time of each hop, time to the first output, memory, sizes",
        description="Time each hop through the public step of each runtime with each number of threads, and "
        "each video frame, each in a process of its own: percentiles, missed deadlines, jitter (p99 - p50, "
        "and the standard deviation), time to the first output, memory that loading and running take. With "
        "the extra 'torch' also the bidirectional offline form of the same preset, and the sizes. A preset "
        "whose weights do not ship is timed with random ones (on onnx it is exported first: extra 'train').",
    )
    parser.set_defaults(run=latency)
    add_models(parser)
    add_runtimes(parser)
    parser.add_argument(
        "--threads",
        nargs="+",
        type=at_least(1),
        default=[1],
        metavar="N",
        help="numbers of threads of torch; onnx and native always have one (1)",
    )
    add_count(parser, "--hops", 2000, "hops to time after the warm-up")
    add_json(parser)


def _add_rtf(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = kinds.add_parser(
        "rtf",
        help="real-time factor of whole files",
        description="Time how long a file takes with each runtime. With the extra 'torch' also the "
        "bidirectional offline form of the same preset.",
    )
    parser.set_defaults(run=rtf)
    add_models(parser)
    add_runtimes(parser)
    add_threads(parser)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--input", type=Path, metavar="FILE", help="audio file (default: a made one)")
    source.add_argument(
        "--seconds", type=at_least(1), default=30, metavar="S", help="length of the made file (%(default)s)"
    )
    add_json(parser)


def _add_quality(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = kinds.add_parser(
        "quality",
        help="PESQ, ESTOI and SI-SDR on test recordings",
        description="Stream test recordings through a model and score them beside the noisy ones. Needs the "
        "extra 'bench', and 'video' for the set av.",
    )
    parser.set_defaults(run=quality)
    parser.add_argument("--set", choices=("audio", "av"), default="audio", help="recordings (%(default)s)")
    parser.add_argument("--no-video", action="store_true", help="leave the videos of the set av unused")
    _add_scored(parser)


def _add_fidelity(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = kinds.add_parser(
        "fidelity",
        help="what is left of clean, quiet and whispered speech",
        description="Stream speech that should stay as it is through a model: clean recordings of the test "
        "set audio at their own level, at -40 and -50 dBFS, in a microphone's hiss, and as whispers made of "
        "them. Beside PESQ and ESTOI: the error of the level of active speech, which is also given for the "
        "recordings in noise, and the share of speech frames that have lost more than 10 dB. Needs the extra "
        "'bench'.",
    )
    parser.set_defaults(run=fidelity)
    parser.add_argument(
        "--items",
        type=at_least(1),
        metavar="N",
        help="speakers of whom to take recordings, one clean one each (default: all of the test set)",
    )
    _add_scored(parser)


def _add_scored(parser: argparse.ArgumentParser) -> None:
    """What the commands that score recordings share."""
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="data folder (default: LIPSTREAM_DATA, else ../shared/data)"
    )
    add_model(parser)
    parser.add_argument(
        "--runtime", default="onnx", metavar="R", help="onnx, eager, native or cuda-graph (%(default)s)"
    )
    parser.add_argument(
        "--jobs", type=int, choices=(1, 2), default=1, help="processes that score (%(default)s)"
    )
    add_json(parser)


def _needs_bench(error: ImportError) -> InputError:
    return InputError(f"this measurement needs the extra 'bench': pip install 'lipstream[bench]' ({error})")


def _show_scores(
    args: argparse.Namespace, machine: "Machine", name: str, report: "QualityReport | FidelityReport"
) -> None:
    """Print the scores of a test set, and keep them where a path is given."""
    show(
        f"{machine.describe()}\n\n{args.model} {args.runtime}, test set {name}\n{report.table()}",
        {
            "machine": machine,
            "set": name,
            "model": args.model,
            "runtime": args.runtime,
            "summaries": report.summaries(),
            "items": report.items,
        },
        args.json,
    )


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

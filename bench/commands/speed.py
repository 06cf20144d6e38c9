"""What a model costs: ``lipstream bench latency | cost | layers | roofline | ...``. Light at import."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...errors import InputError
from .arguments import (
    Report,
    add_count,
    add_json,
    add_model,
    add_models,
    add_runtimes,
    add_threads,
    at_least,
    run_and_show,
    tell_new_name,
)

#: Seconds of the recordings that the offline form is given.
LENGTHS_S = (1, 4, 10, 60)


def add_speed(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands."""
    _add_latency(kinds)
    add_cost(kinds, "cost")
    add_cost(kinds, "rtf", "bench rtf")
    _add_layers(kinds)
    _add_offline(kinds)
    _add_roofline(kinds, "roofline")
    _add_roofline(kinds, "floor", "bench floor")
    _add_scaling(kinds)
    _add_streams(kinds)
    _add_pipeline(kinds)
    _add_cuda(kinds)


def add_cost(kinds: Any, name: str, old: str = "") -> None:
    """Register ``lipstream bench cost``, or an old name of it, which is not shown in the help."""
    parser = _add(
        kinds,
        name,
        _cost,
        "parameters, operations, real-time factor and memory",
        "Measure what presets cost on each runtime and as the bidirectional offline form, each in a process "
        "of its own: parameters, operations, latency, real-time factor of hops and of a whole file, state, "
        "peak memory. A preset whose weights do not ship is measured with random ones. Counts need the extra "
        "'torch'.",
        (old, "bench cost"),
    )
    add_models(parser)
    parser.add_argument(
        "--runtime",
        nargs="+",
        metavar="R",
        help="runtimes, and offline (default: of onnx, eager, native and offline those that can run here)",
    )
    add_threads(parser)
    add_count(parser, "--hops", 800, "hops to time after the warm-up")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--input", type=Path, metavar="FILE", help="audio file (default: a made one)")
    source.add_argument(
        "--seconds", type=at_least(1), default=30, metavar="S", help="length of the made file (%(default)s)"
    )


def _cost(args: argparse.Namespace) -> Report:
    from ..speed.candidates import available_runtimes, has_torch
    from ..speed.cost import OFFLINE, measure_cost_report

    runtimes = args.runtime or [*available_runtimes(), *([OFFLINE] if has_torch() else [])]
    return measure_cost_report(args.model, runtimes, args.hops, args.threads, args.input, args.seconds)


def _add(
    kinds: Any,
    name: str,
    measure: Callable[[argparse.Namespace], Report],
    help_text: str,
    description: str,
    renamed: tuple[str, str] = ("", ""),
) -> argparse.ArgumentParser:
    """Register a command; one with an old name says its new one, and is not shown in the help."""
    old, new = renamed
    shown = {} if old else {"help": help_text}
    parser: argparse.ArgumentParser = kinds.add_parser(name, description=description, **shown)

    def run(args: argparse.Namespace) -> int:
        if old:
            tell_new_name(old, new)
        return run_and_show(lambda: measure(args), args.json)

    parser.set_defaults(run=run)
    add_json(parser)
    return parser


def _add_layers(kinds: Any) -> None:
    parser = _add(
        kinds,
        "layers",
        _layers,
        "time, products, weights and state of each layer",
        "Time each layer of the streaming step in eager torch, and count its multiply-accumulates, weights "
        "and bytes of state. With one thread the times are processor time. Needs the extra 'torch'.",
    )
    add_models(parser)
    add_threads(parser)
    add_count(parser, "--hops", 300, "hops to time after the warm-up")


def _layers(args: argparse.Namespace) -> Report:
    from ..speed.network.layers import measure_layers

    return measure_layers(args.model, args.hops, args.threads)


def _add_offline(kinds: Any) -> None:
    parser = _add(
        kinds,
        "offline",
        _offline,
        "the offline form on whole recordings against the stream",
        "Time the bidirectional offline form on recordings of several lengths, which must be there as a "
        "whole before it can start, and say from which length on the stream gives its first and its last "
        "output earlier and computes less. Needs the extra 'torch'.",
    )
    add_model(parser)
    add_runtimes(parser)
    add_threads(parser)
    parser.add_argument(
        "--seconds",
        nargs="+",
        type=at_least(1),
        default=list(LENGTHS_S),
        metavar="S",
        help=f"lengths of the recordings ({' '.join(map(str, LENGTHS_S))})",
    )
    add_count(parser, "--hops", 1000, "hops of the stream to time after the warm-up")


def _offline(args: argparse.Namespace) -> Report:
    from ..speed.candidates import available_runtimes
    from ..speed.offline import measure_crossover

    runtimes = args.runtime or available_runtimes()
    return measure_crossover(args.model, runtimes, args.seconds, args.hops, args.threads)


def _add_scaling(kinds: Any) -> None:
    parser = _add(
        kinds,
        "scaling",
        _scaling,
        "cost of a hop over bands, channels and blocks",
        "Vary the bands, the channels and the blocks of a preset one at a time, with random weights, and "
        "time a hop. Needs the extra 'torch'.",
    )
    add_model(parser)
    parser.add_argument(
        "--runtime",
        nargs="+",
        choices=("eager", "native"),
        default=["eager"],
        help="eager, native or both (eager); native compiles a step for each size, seconds each, once",
    )
    add_threads(parser)
    add_count(parser, "--hops", 200, "hops to time for each size")


def _scaling(args: argparse.Namespace) -> Report:
    from ..speed.network.scaling import measure_scaling

    return measure_scaling(args.model, args.runtime, args.hops, threads=args.threads)


def _add_streams(kinds: Any) -> None:
    parser = _add(
        kinds,
        "streams",
        _streams,
        "many streams stepped together, against one runtime each",
        "Time a joint step of n streams against n single runtimes in turns, and say how many streams a core "
        "serves.",
    )
    add_model(parser)
    parser.add_argument("--runtime", default="onnx", metavar="R", help="name of a runtime (%(default)s)")
    parser.add_argument(
        "--streams",
        nargs="+",
        type=at_least(1),
        default=[1, 2, 4, 8, 16],
        metavar="N",
        help="numbers of streams (1 2 4 8 16)",
    )
    add_count(parser, "--hops", 300, "joint steps to time for each number")


def _streams(args: argparse.Namespace) -> Report:
    from ..speed.streams import measure_streams

    return measure_streams(args.model, args.runtime, args.streams, args.hops)


def _add_pipeline(kinds: Any) -> None:
    parser = _add(
        kinds,
        "pipeline",
        _pipeline,
        "delay from mouth to ear and from camera to alpha, simulated devices",
        "Run the live pipeline between simulated devices in simulated time, where a block takes as long as "
        "it was measured to take here, and find by chirps how late sound comes out, with the default setting "
        "and with low latency, beside the declared budget; and how long a video frame takes to reach alpha.",
    )
    add_model(parser)
    parser.add_argument("--runtime", default="auto", metavar="R", help="name of a runtime (%(default)s)")
    add_count(parser, "--chirps", 8, "chirps for each setting")


def _pipeline(args: argparse.Namespace) -> Report:
    from ..speed.pipeline import measure_pipeline

    return measure_pipeline(args.model, args.runtime, args.chirps)


def _add_cuda(kinds: Any) -> None:
    parser = _add(
        kinds,
        "cuda",
        _cuda,
        "a hop on an NVIDIA GPU",
        "Time a hop on the GPU as one captured graph and kernel by kernel, with CUDA events, beside the time "
        "that memory bandwidth allows. Says 'not measured' where there is no GPU. Needs the extra 'torch'.",
    )
    add_model(parser)
    add_count(parser, "--hops", 2000, "hops to time each way after the warm-up")


def _cuda(args: argparse.Namespace) -> Report:
    from ..speed.cuda import measure_cuda

    return measure_cuda(args.model, args.hops)


def _add_latency(kinds: Any) -> None:
    parser = _add(
        kinds,
        "latency",
        _latency,
        "time of each hop, time to the first output, memory",
        "Time each hop through the public step of each runtime with each number of threads, and "
        "each video frame, each in a process of its own: percentiles, missed deadlines, jitter (p99 - p50, "
        "and the standard deviation), time to the first output, memory that loading and running take. "
        "Parameters, operations and the offline form are in bench cost. A preset "
        "whose weights do not ship is timed with random ones (on onnx it is exported first: extra 'train').",
    )
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


def _latency(args: argparse.Namespace) -> Report:
    from ..speed.candidates import available_runtimes
    from ..speed.latency import measure_latency

    runtimes = args.runtime or available_runtimes()
    return measure_latency(args.model, runtimes, args.hops, args.threads)


def _add_roofline(kinds: Any, name: str, old: str = "") -> None:
    parser = _add(
        kinds,
        name,
        _roofline,
        "how close a hop comes to what the core can do",
        "Measure what one core does at most, and the hops of the runtimes, which take turns in one process: "
        "their ratios hold on a machine that has other work too. Needs the extra 'torch' and a C++ compiler.",
        (old, "bench roofline"),
    )
    add_model(parser)
    parser.add_argument(
        "--runtime",
        nargs="+",
        default=["onnx", "native"],
        metavar="R",
        help="the first is what the others are compared with (onnx native)",
    )
    add_count(parser, "--hops", 2000, "of each runtime, after the warm-up")


def _roofline(args: argparse.Namespace) -> Report:
    from ...kernels.build import BuildError
    from ..speed.network.roofline import measure_roofline

    try:
        return measure_roofline(args.model, args.runtime, args.hops)
    except BuildError as error:
        raise InputError(f"bench roofline needs a C++ compiler: install g++ or clang++ ({error})") from error

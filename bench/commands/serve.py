"""``lipstream bench serve | plan``. Light at import."""

import argparse
import json
from pathlib import Path

from ...core.console import complain
from ...core.extras import needs_extra
from ...errors import InputError
from .arguments import Report, add_count, add_json, add_model, at_least, check_json, run_and_show, show


def add_serve(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands."""
    _add_serve(kinds)
    _add_plan(kinds)


def _add_serve(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = kinds.add_parser(
        "serve",
        help="streams a core that lipstream serve holds, and what breaks it",
        description="Start lipstream serve with one worker, let more and more callers talk to it at the "
        "pace of sound, and time how late it comes back; then, with two workers, let callers storm, read "
        "nothing and send broken messages, and kill a worker. Callers take a core of their own. "
        "Needs the extra 'serve'.",
    )
    parser.set_defaults(run=_serve)
    add_model(parser)
    parser.add_argument("--runtime", default="auto", metavar="R", help="name of a runtime (%(default)s)")
    parser.add_argument(
        "--streams",
        nargs="+",
        type=at_least(1),
        default=[4, 8, 16, 24, 32],
        metavar="N",
        help="numbers of callers (4 8 16 24 32)",
    )
    parser.add_argument(
        "--seconds", type=float, default=10.0, metavar="S", help="how long each talks (%(default)g)"
    )
    parser.add_argument(
        "--chunk-ms", type=float, default=20.0, metavar="MS", help="length of a message (%(default)g)"
    )
    parser.add_argument("--no-faults", action="store_true", help="only the load")
    add_json(parser)


def _serve(args: argparse.Namespace) -> int:
    if not (args.seconds >= 0.5 and 1 <= args.chunk_ms <= 1000):
        raise InputError("--seconds must be 0.5 or more, --chunk-ms from 1 to 1000")

    def measure() -> Report:
        try:
            from ..serve.load import measure_load
        except ImportError as error:
            raise needs_extra("bench serve", "serve", error) from error
        return measure_load(
            args.model, args.runtime, args.streams, args.seconds, args.chunk_ms, not args.no_faults, _tell
        )

    return run_and_show(measure, args.json)


def _tell(line: str) -> None:
    complain("bench", line)


def _add_plan(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = kinds.add_parser(
        "plan",
        help="machines that many streams need, by simulation",
        description="Simulate a core as a queue with the times that bench serve measured, then machines with "
        "callers that come and go while one machine dies, and say how many machines so many streams need. "
        "Needs the extra 'bench'.",
    )
    parser.set_defaults(run=_plan)
    add_count(parser, "--streams", 10_000, "streams at a time, in the mean")
    add_count(parser, "--cores", 16, "cores of a machine")
    parser.add_argument("--measured", type=Path, metavar="FILE", help="JSON of lipstream bench serve")
    parser.add_argument("--step-us", type=float, metavar="US", help="time of a step, in place of --measured")
    parser.add_argument("--chunk-us", type=float, metavar="US", help="time of each chunk in it")
    parser.add_argument("--chunk-ms", type=float, metavar="MS", help="length of a chunk (20)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it: a .png or .svg")
    add_json(parser)


def _plan(args: argparse.Namespace) -> int:
    times = {"step_us": args.step_us, "chunk_us": args.chunk_us, "chunk_ms": args.chunk_ms or 20.0}
    if args.measured is not None:
        try:
            measured = json.loads(args.measured.read_text(encoding="utf-8"))
            times = {name: float(measured[name]) for name in times}
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(f"'{args.measured}' is no JSON of lipstream bench serve ({error})") from error
    if not all(times[name] is not None and times[name] >= 0 for name in times) or not times["chunk_us"]:
        raise InputError(
            "give --measured FILE, what bench serve --json FILE wrote, or --step-us and --chunk-us"
        )
    for path in (args.json, args.plot):
        check_json(path)
    try:
        from ..serve.plan import make_plan, plot_plan
    except ImportError as error:
        raise needs_extra("bench plan", "bench", error) from error
    report = make_plan(args.streams, times["step_us"], times["chunk_us"], times["chunk_ms"], args.cores)
    if args.plot is not None:
        plot_plan(report, args.plot)
    show(report.text(), report, args.json)
    return 0

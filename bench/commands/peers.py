"""The command ``lipstream bench peers``. Light at import."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError

if TYPE_CHECKING:
    from ..data.builtin import Item


def add_peers(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command among the measurements of ``lipstream bench``."""
    parser = kinds.add_parser(
        "peers",
        help="quality, speed, latency and memory beside other enhancers",
        description="Measure lipstream beside other enhancers on the same recordings: each at its own rate, "
        "its delay found and taken out, one thread, a process each. Those that are not installed are "
        "listed with the way to get them. Needs the extra 'bench'.",
    )
    parser.set_defaults(run=peers)
    parser.add_argument("--model", nargs="*", default=["lite"], metavar="M", help="presets (lite)")
    parser.add_argument(
        "--peers",
        nargs="*",
        metavar="NAME",
        help="rnnoise, deepfilternet3, dtln, webrtc, noisereduce (default: all)",
    )
    parser.add_argument(
        "--onnx",
        nargs="+",
        type=Path,
        default=[],
        metavar="DESCRIPTION",
        help="streaming ONNX graphs, each by a TOML file that names its state inputs and outputs, "
        "see lipstream/bench/peers/onnx_description.py",
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="data folder (default: LIPSTREAM_DATA, else ../shared/data)"
    )
    parser.add_argument("--set", choices=("audio", "av"), default="audio", help="recordings (%(default)s)")
    parser.add_argument(
        "--jobs", type=int, choices=(1, 2), default=1, help="processes that score (%(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results to this file as well")


def peers(args: argparse.Namespace) -> int:
    """``lipstream bench peers``."""
    try:
        from ..systems.peers.comparison import compare
    except ImportError as error:
        raise InputError(
            f"bench peers needs the extra 'bench': pip install 'lipstream[bench]' ({error})"
        ) from error
    from ..data.builtin import RecordingSet
    from ..output import check_writable, write_json
    from ..speed.machine import fingerprint
    from ..systems.peers.registry import choose

    if args.json is not None:
        check_writable(args.json)
    entries = choose(args.model, args.peers, args.onnx)
    machine = fingerprint()
    report = compare(RecordingSet(args.set, args.data), entries, args.jobs, _with_bar)
    print(f"{machine.describe()}\n\ntest set {args.set}\n{report.text()}")
    if args.json is not None:
        summaries = {peer.name: peer.quality.summaries() for peer in report.measured}
        write_json(args.json, {"machine": machine, "set": args.set, "summaries": summaries, "report": report})
    return 0


def _with_bar(recordings: "Iterable[Item]", name: str) -> "Iterable[Item]":
    """The recordings, with a bar on stderr where that is a terminal."""
    from rich.console import Console
    from rich.progress import track

    return track(
        recordings, name, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
    )

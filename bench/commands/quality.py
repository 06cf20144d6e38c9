"""Short forms of ``lipstream evaluate`` that write no folder: ``bench quality | fidelity | peers``.

They go with the next release. Light at import.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.options import add_option, field_of
from ..evaluation.config import EvaluateConfig
from .arguments import (
    add_compared,
    add_data,
    add_json,
    add_model,
    at_least,
    check_json,
    require_bench,
    tell_new_name,
    with_bar,
)

if TYPE_CHECKING:
    from ..data.recordings import Recordings
    from ..evaluation.results import Results
    from ..systems.base import System


def add_quality(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands."""
    _add_quality(kinds)
    _add_fidelity(kinds)
    _add_peers(kinds)


def _quality(args: argparse.Namespace) -> int:
    tell_new_name("bench quality", f"evaluate --set {args.set} --metrics pesq stoi si-sdr")
    require_bench("bench quality")
    check_json(args.json)
    from ..data.builtin import RecordingSet
    from ..metrics.scoring import CORE_FAMILIES
    from ..report.text import conditions_table
    from ..systems.named import parse_system

    recordings = RecordingSet(args.set, args.data)
    spec, videos = f"{args.model}:{args.runtime}", [] if args.no_video else ["good"]
    system = parse_system(spec, videos, [recordings])
    config = EvaluateConfig(CORE_FAMILIES, args.jobs, costs=False)
    results = _evaluate(recordings, [system], [spec], videos, config)
    table = conditions_table(results)
    _show(f"{args.model} {args.runtime}, test set {args.set}\n{table}", results, args.json)
    return 0


def _fidelity(args: argparse.Namespace) -> int:
    tell_new_name("bench fidelity", "evaluate --set fidelity")
    require_bench("bench fidelity")
    check_json(args.json)
    from ..data.conditions import FidelitySet
    from ..metrics.scoring import FIDELITY_FAMILIES
    from ..report.text import fidelity_table
    from ..systems.named import parse_system

    recordings = FidelitySet(args.data, args.items)
    spec = f"{args.model}:{args.runtime}"
    system = parse_system(spec, (), [recordings])
    config = EvaluateConfig(FIDELITY_FAMILIES, args.jobs, noisy=False, costs=False)
    results = _evaluate(recordings, [system], [spec], (), config)
    table = fidelity_table(results, system.name)
    _show(f"{args.model} {args.runtime}, test set audio\n{table}", results, args.json)
    return 0


def _peers(args: argparse.Namespace) -> int:
    new = " ".join(f"--system peer:{key}" for key in [*args.model, *(args.peers or ["NAME"])])
    tell_new_name("bench peers", f"evaluate --set {args.set} {new}")
    require_bench("bench peers")
    check_json(args.json)
    from ..data.builtin import RecordingSet
    from ..metrics.scoring import CORE_FAMILIES
    from ..report.text import systems_table
    from ..systems.peers.process import PeerError
    from ..systems.peers.system import PeerSystem, find_peers

    entries = find_peers([*args.model, *map(str, args.onnx)], args.peers)
    recordings = RecordingSet(args.set, args.data)
    systems, missing = [], []
    for entry in entries:
        try:
            systems.append(PeerSystem(entry.name, entry, [recordings]))
        except PeerError as error:
            missing.append(f"{entry.name}: {error.reason}")
    config = EvaluateConfig(CORE_FAMILIES, args.jobs)
    specs = [f"peer:{entry.key}" for entry in entries]
    results = _evaluate(recordings, systems, specs, (), config)
    results = replace(results, notes=[*missing, *results.notes])
    left_out = "\n".join(results.notes)
    table = systems_table(results) + (f"\n\n{left_out}" if left_out else "")
    _show(f"test set {args.set}\n{table}", results, args.json)
    return 0


def _evaluate(
    recordings: "Recordings",
    systems: "Sequence[System]",
    specs: Sequence[str],
    videos: Sequence[str],
    config: EvaluateConfig,
) -> "Results":
    from ..evaluation.run import evaluate_systems

    settings = {"sets": [recordings.name], "systems": specs, "metrics": config.families, "videos": videos}
    return evaluate_systems([recordings], systems, settings, config, track=with_bar)


def _show(text: str, results: "Results", path: Path | None) -> None:
    """Print the scores of a test set, and keep them where a path is given."""
    from ..evaluation.results import save_results
    from ..machine import Machine

    print(f"{Machine(**results.machine).describe()}\n\n{text}")
    if path is not None:
        save_results(path, results)


def _add_quality(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = kinds.add_parser(
        "quality",
        help="PESQ, ESTOI and SI-SDR on test recordings",
        description="Stream test recordings through a model and score them beside the noisy ones. Needs the "
        "extra 'bench', and 'video' for the set av.",
    )
    parser.set_defaults(run=_quality)
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
    parser.set_defaults(run=_fidelity)
    parser.add_argument(
        "--items",
        type=at_least(1),
        metavar="N",
        help="speakers of whom to take recordings, one clean one each (default: all of the test set)",
    )
    _add_scored(parser)


def _add_peers(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = kinds.add_parser(
        "peers",
        help="quality, speed, latency and memory beside other enhancers",
        description="Measure lipstream beside other enhancers on the same recordings: each at its own rate, "
        "its delay found and taken out, one thread, a process each. Those that are not installed are "
        "listed with the way to get them. Needs the extra 'bench'.",
    )
    parser.set_defaults(run=_peers)
    add_compared(parser)
    parser.add_argument(
        "--onnx",
        nargs="+",
        type=Path,
        default=[],
        metavar="DESCRIPTION",
        help="streaming ONNX graphs, each by a TOML file that names its state inputs and outputs, "
        "see lipstream/bench/systems/peers/onnx.py",
    )
    add_data(parser)
    parser.add_argument("--set", choices=("audio", "av"), default="audio", help="recordings (%(default)s)")
    add_option(parser, field_of(EvaluateConfig, "jobs"))
    add_json(parser)


def _add_scored(parser: argparse.ArgumentParser) -> None:
    """What the commands that score recordings share."""
    add_data(parser)
    add_model(parser)
    parser.add_argument(
        "--runtime", default="onnx", metavar="R", help="onnx, eager, native or cuda-graph (%(default)s)"
    )
    add_option(parser, field_of(EvaluateConfig, "jobs"))
    add_json(parser)

"""The command ``lipstream bench agents``. Light at import."""

import argparse

from .arguments import add_data, add_json, at_least, check_json, require_bench, show, with_bar


def add_agents(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = kinds.add_parser(
        "agents",
        help="what noise filters do for a voice agent: VAD, intelligibility, attenuation, CPU",
        description="Filter the recordings in noise of the test set audio by lipstream and by other "
        "enhancers, and measure what matters to a voice agent: how well a voice activity detector tells "
        "speech from noise then, the change of STOI, how much softer speech becomes, and the CPU time for "
        "each 20 ms. Filters that are not installed are listed. Needs the extra 'bench', and silero-vad or "
        "Pipecat for the detector.",
    )
    parser.set_defaults(run=_agents)
    parser.add_argument("--model", nargs="*", default=["lite"], metavar="M", help="presets (lite)")
    parser.add_argument(
        "--peers",
        nargs="*",
        metavar="NAME",
        help="rnnoise, deepfilternet3, dtln, webrtc, noisereduce (default: all)",
    )
    add_data(parser)
    parser.add_argument(
        "--limit", type=at_least(1), metavar="N", help="only so many recordings, spread evenly"
    )
    add_json(parser)


def _agents(args: argparse.Namespace) -> int:
    require_bench("bench agents")
    check_json(args.json)
    from ..data.builtin import RecordingSet
    from ..data.recordings import Sample
    from ..evaluation.agents import measure_agents
    from ..systems.peers.system import PEERS, find_peer

    keys = [*args.model, *([entry.key for entry in PEERS] if args.peers is None else args.peers)]
    entries = [find_peer(key) for key in keys]
    recordings = RecordingSet("audio", args.data)
    recordings.entries = [entry for entry in recordings.entries if entry.condition == "noise"]
    some = recordings if args.limit is None else Sample(recordings, args.limit)
    report = measure_agents(some, entries, with_bar)
    show(report.text(), report, args.json)
    return 0

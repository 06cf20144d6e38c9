"""The command ``lipstream bench agents``. Light at import."""

import argparse

from .arguments import add_compared, add_data, add_json, at_least, check_json, require_bench, show, with_bar


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
    add_compared(parser)
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
    from ..systems.peers.system import find_peers

    entries = find_peers(args.model, args.peers)
    recordings = RecordingSet("audio", args.data)
    recordings.entries = [entry for entry in recordings.entries if entry.condition == "noise"]
    some = recordings if args.limit is None else Sample(recordings, args.limit)
    report = measure_agents(some, entries, with_bar)
    show(report.text(), report, args.json)
    return 0

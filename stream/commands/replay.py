"""The command ``lipstream replay``. Light at import."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.console import printable, say

if TYPE_CHECKING:
    from ...core.arrays import Float32
    from ..audio_files import AudioLayout
    from ..enhancer import Enhancer
    from ..recording.recording import RecordingInfo


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "replay",
        help="enhance a recorded session again",
        description="Enhance what 'lipstream live --record DIR' recorded once more, with the lips it saw: as "
        "it was enhanced then, or by another model, on another runtime, at another limit.",
    )
    parser.set_defaults(run=replay)
    parser.add_argument("recording", type=Path, metavar="DIR", help="folder of the recording")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help="sound file to write (default: only compare)"
    )
    parser.add_argument("--model", metavar="M", help="preset (default: that of the session)")
    parser.add_argument(
        "--runtime", metavar="R", help="onnx, eager, native, cuda-graph or auto (the session's)"
    )
    parser.add_argument(
        "--atten-limit",
        type=float,
        metavar="DB",
        help="attenuate nothing by more than this; 100: no limit (the session's at its start)",
    )


def replay(args: argparse.Namespace) -> int:
    """Enhance a recording again, and say how far that is from what it holds.

    Returns:
        0, or 2 where stdout takes nothing.
    """
    from ..recording.recording import CLEAN, RecordingInfo
    from ..recording.recording import replay as enhanced_again

    info = RecordingInfo.of(args.recording)
    layout = None if args.output is None else _layout(args, info)
    enhancer = _enhancer(info, args)
    clean = enhanced_again(args.recording, enhancer)
    if layout is not None:
        _write(args.output, clean, layout)
    where = "" if args.output is None else f" -> {args.output}"
    line = (
        f"{args.recording}{where}: {len(clean) / info.sample_rate:.2f} s by {args.model or info.model} on "
        f"{args.runtime or info.runtime}, mean alpha {enhancer.mean_alpha:.2f}; "
        f"{_compared(clean, args.recording / CLEAN)}"
    )
    return 0 if say(printable(line)) else 2


def _layout(args: argparse.Namespace, info: "RecordingInfo") -> "AudioLayout":
    """What the output is to be; InputError where it cannot be written."""
    from ..audio_files import AudioLayout, check_output, choose_format
    from ..recording.recording import CLEAN, LIPS, NOISY

    check_output(args.output, [args.recording / name for name in (NOISY, CLEAN, LIPS)])
    container, subtype = choose_format(args.output, args.recording / CLEAN, "WAV", "FLOAT")
    return AudioLayout(info.sample_rate, 1, 0, container, subtype)


def _enhancer(info: "RecordingInfo", args: argparse.Namespace) -> "Enhancer":
    from ..enhancer import Enhancer

    limit = info.atten_limit_db if args.atten_limit is None else args.atten_limit
    return Enhancer(args.model or info.model, info.sample_rate, args.runtime or info.runtime, limit)


def _compared(clean: "Float32", recorded: Path) -> str:
    """In words, how the sound differs from that of a file."""
    import numpy as np

    from ..audio_files import open_audio

    with open_audio(recorded) as reader:
        before = np.concatenate([block[:, 0] for block in reader.blocks(reader.layout.sample_rate)])
    if len(before) != len(clean):
        return f"{recorded.name} has another length"
    apart = float(np.max(np.abs(clean - before), initial=0.0))
    if apart == 0.0:
        return f"as {recorded.name}, to the bit"
    return f"up to {20 * np.log10(apart):.1f} dBFS from {recorded.name}"


def _write(path: Path, clean: "Float32", layout: "AudioLayout") -> None:
    from ..audio_files import AudioWriter

    with AudioWriter(path, layout) as writer:
        writer.write(clean[:, None])

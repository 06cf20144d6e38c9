"""The commands of this room: ``lipstream enhance``. Light at import."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.console import ProgressBar, complain
from ...errors import InputError
from .options import add_face_model, add_model

if TYPE_CHECKING:
    from ..files import FileReport, Progress


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands of this room."""
    parser = subparsers.add_parser(
        "enhance",
        help="clean audio files",
        description="Clean audio files (WAV, FLAC, OGG, Opus, MP3), each channel on its own. "
        "An output has the length, rate and channels of its input and is aligned with it.",
    )
    parser.set_defaults(run=enhance)
    parser.add_argument("inputs", nargs="+", type=Path, metavar="IN", help="audio file")
    _add_places(parser)
    parser.add_argument(
        "--video",
        type=Path,
        metavar="V",
        help="video of the speaker, in time with IN, for lips (default: audio only)",
    )
    parser.add_argument(
        "--no-video", dest="video", action="store_const", const=None, help="audio only; undoes --video"
    )
    add_face_model(parser)
    add_model(parser, "onnx", "onnx, eager, native or cuda-graph")
    parser.add_argument(
        "--chunk-ms", type=float, default=500.0, metavar="MS", help="length of the chunks (%(default)g)"
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON for each file")


def enhance(args: argparse.Namespace) -> int:
    """Enhance every input; one that fails does not keep the others from being done.

    Returns:
        0, or 2 if any failed.
    """
    code = 0
    for source, output in _planned(args):
        try:
            report = _enhance_one(source, output, args)
        except InputError as error:
            complain("error", error)
            code = 2
            continue
        for warning in report.warnings:
            complain("warning", f"{source}: {warning}")
        print(json.dumps(report.as_dict()) if args.json else _summary(report), flush=True)
    return code


def _add_places(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="output (default: NAME.enhanced.EXT beside IN)",
    )
    where.add_argument(
        "--out-dir",
        type=Path,
        metavar="DIR",
        help="folder for the outputs, under the names of the inputs",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace outputs that exist (-o replaces OUT without asking)"
    )


def _planned(args: argparse.Namespace) -> list[tuple[Path, Path]]:
    """Each input with its output."""
    inputs: list[Path] = args.inputs
    if len(inputs) > 1 and args.output is not None:
        raise InputError("-o names one output for several inputs: use --out-dir")
    if len(inputs) > 1 and args.video is not None:
        raise InputError("--video belongs to one input: run the command once for each pair")
    if args.output is not None:
        return [(inputs[0], args.output)]
    if args.out_dir is None:
        return [(path, path.parent / f"{path.stem}.enhanced{path.suffix}") for path in inputs]
    outputs = [args.out_dir / path.name for path in inputs]
    if len(set(outputs)) < len(outputs):
        raise InputError("two inputs have the same name, so --out-dir has no place for both: run them apart")
    try:
        args.out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out-dir {args.out_dir} cannot be made ({error.strerror})") from error
    return list(zip(inputs, outputs, strict=True))


def _enhance_one(source: Path, output: Path, args: argparse.Namespace) -> "FileReport":
    from ..files import enhance_file

    if args.output is None and not args.force and output.exists() and not output.samefile(source):
        raise InputError(f"{output} exists: --force replaces it, -o names another output")
    with ProgressBar(source.name) as bar:
        return enhance_file(
            source,
            output,
            video=args.video,
            face_model=args.face_model,
            model=args.model,
            runtime=args.runtime,
            atten_limit_db=args.atten_limit,
            chunk_ms=args.chunk_ms,
            progress=bar if args.video is None else _noting(bar, args.model),
        )


def _noting(bar: ProgressBar, model: str) -> "Progress":
    """Tells what lips are worth when they are first read: a video that cannot be read is told in one line."""
    told = False

    def progress(done_s: float, total_s: float) -> None:
        nonlocal told
        if not told:
            from ..lips_bound import notice

            if (words := notice(model)) is not None:
                complain("note", words)
            told = True
        bar(done_s, total_s)

    return progress


def _summary(report: "FileReport") -> str:
    line = (
        f"{report.source} -> {report.output}: {report.duration_s:.2f} s in {report.elapsed_s:.2f} s "
        f"(RTF {report.rtf:.3f}), latency of the stream {report.latency.ms:.1f} ms"
    )
    if report.video_frames == 0:
        return line
    return (
        f"{line}, usable face in {report.face_share:.0%} of {report.video_frames} video frames, "
        f"mean alpha {report.mean_alpha:.2f}"
    )

"""The commands of this room: ``lipstream enhance``. Light at import."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.console import ProgressBar, complain, printable, say
from ...core.options import add_options, from_options
from ...errors import InputError
from ..file_options import FileOptions
from ..media.sources import PIPE, is_stdout

if TYPE_CHECKING:
    from ..files import FileReport, Progress


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands of this room."""
    parser = subparsers.add_parser(
        "enhance",
        help="clean audio and video files",
        description="Clean the sound of audio and video files (WAV, FLAC, MP3, M4A, MP4, MKV, ...), each "
        "channel on its own. An output has the length, rate, channels, tags and pictures of its input and is "
        "in step with it.",
    )
    parser.set_defaults(run=enhance)
    parser.add_argument(
        "inputs",
        nargs="+",
        type=Path,
        metavar="IN",
        help="audio or video file; - for stdin, ./-x for a name with a hyphen first",
    )
    _add_places(parser)
    parser.add_argument(
        "--video",
        type=Path,
        metavar="V",
        help="video of the speaker, in time with IN, for lips (default: audio only); of several inputs, "
        "{stem} stands for the name of each without its extension and {dir} for its folder",
    )
    parser.add_argument(
        "--lips",
        action="store_true",
        help="as --video, with the picture of IN itself, for any number of inputs. Never unasked: lips are "
        "experimental, and while right ones help against another voice, they can cost clean speech quality",
    )
    parser.add_argument(
        "--no-video", dest="video", action="store_const", const=None, help="audio only; undoes --video"
    )
    add_options(parser, FileOptions)
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
        line = json.dumps(report.as_dict()) if args.json else _summary(report)
        if is_stdout(output):
            print(printable(line), file=sys.stderr)
        elif not say(line):
            code = 2
    return code


def _add_places(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="output (default: NAME.enhanced.EXT beside IN); - for standard output",
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
    if len(inputs) > 1 and args.video is not None and "{stem}" not in str(args.video):
        raise InputError(
            "--video belongs to one input: of several, let {stem} stand for the name of each, as in "
            "--video '{dir}/{stem}.mp4'"
        )
    if args.output is not None:
        return [(inputs[0], args.output)]
    if args.lips and args.video is not None:
        raise InputError("--lips means the picture of IN, --video another one: give one of them")
    if args.out_dir is None:
        return _without_own_outputs([(path, _beside(path)) for path in inputs])
    outputs = [args.out_dir / path.name for path in inputs]
    if len(set(outputs)) < len(outputs):
        raise InputError("two inputs have the same name, so --out-dir has no place for both: run them apart")
    try:
        args.out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out-dir {args.out_dir} cannot be made ({error.strerror})") from error
    return list(zip(inputs, outputs, strict=True))


def _beside(source: Path) -> Path:
    """The default output: standard output for standard input, else a file beside the input.

    An input without an extension gets that of what is in it.
    """
    if str(source) == PIPE:
        return source
    if source.suffix or not source.is_file():
        return source.parent / f"{source.stem}.enhanced{source.suffix}"
    from ..audio_files import extension_of, open_audio

    try:
        with open_audio(source) as reader:
            extension = extension_of(reader.layout.format)
    except InputError:
        extension = ""  # told when its turn comes
    return source.parent / f"{source.name}.enhanced{extension}"


def _without_own_outputs(planned: list[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    """Leave out inputs that are outputs of others: ``enhance *.wav`` again is about the recordings."""
    outputs = {output for source, output in planned if source != output}
    left_out = [source for source, _ in planned if source in outputs]
    for source in left_out:
        complain("note", f"{source} is left out: it is the output of another input")
    return [(source, output) for source, output in planned if source not in left_out]


def _enhance_one(source: Path, output: Path, args: argparse.Namespace) -> "FileReport":
    from ..files import enhance_file

    if args.output is None and not args.force and output.exists() and not output.samefile(source):
        raise InputError(f"{output} exists: --force replaces it, -o names another output")
    with ProgressBar(source.name) as bar:
        return enhance_file(
            source,
            output,
            video=_video_of(source, args),
            **vars(from_options(FileOptions, args)),
            progress=_noting(bar, args.model) if args.lips or args.video is not None else bar,
        )


def _video_of(source: Path, args: argparse.Namespace) -> Path | None:
    """Where the lips that belong to an input are."""
    if args.lips or args.video is None:
        return source if args.lips else None
    return Path(str(args.video).replace("{dir}", str(source.parent)).replace("{stem}", source.stem))


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
    moved = f", lips moved by {-report.av_offset_ms:+.0f} ms" if report.av_offset_ms else ""
    return (
        f"{line}, usable face in {report.face_share:.0%} of {report.video_frames} video frames{moved}, "
        f"mean alpha {report.mean_alpha:.2f}"
    )

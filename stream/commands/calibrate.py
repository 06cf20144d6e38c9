"""The command ``lipstream calibrate``. Light at import."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.console import ProgressBar, complain
from ...core.options import add_option, field_of
from ...errors import InputError
from ..file_options import FileOptions

if TYPE_CHECKING:
    from ..lag.estimator import OffsetEstimate

EXIT_UNSURE = 1
_MIN_SECONDS, _SECONDS = 25.0, 40.0


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "calibrate",
        help="measure how late a camera is",
        description="Measure how late a camera's video comes against the sound of a microphone, from the "
        "movement of your mouth while you read something aloud in a quiet room. What is found is remembered "
        "for this camera and used by lipstream live. The exit code is 1 if it is not sure enough for that.",
    )
    parser.set_defaults(run=calibrate)
    parser.add_argument("--camera", default="0", metavar="C", help="index or URL (%(default)s)")
    parser.add_argument(
        "--input", metavar="D", help="microphone: index or part of a name (see lipstream devices)"
    )
    parser.add_argument(
        "--seconds", type=float, default=_SECONDS, metavar="S", help="how long to speak (%(default)g)"
    )
    parser.add_argument(
        "--video", type=Path, metavar="FILE", help="measure this recording instead; nothing is remembered"
    )
    parser.add_argument(
        "--audio", type=Path, metavar="FILE", help="sound of --video (default: the one in it, by ffmpeg)"
    )
    add_option(parser, field_of(FileOptions, "face_model"))


def calibrate(args: argparse.Namespace) -> int:
    """Measure, report, and remember.

    Returns:
        0, or 1 if the result cannot be trusted.
    """
    if args.video is not None:
        from ..calibration.calibration import calibrate_files

        with ProgressBar(args.video.name) as bar:
            return _report(str(args.video), calibrate_files(args.video, args.audio, bar, args.face_model))
    if args.audio is not None:
        raise InputError("--audio is the sound of a --video: give that as well, or --input for a microphone")
    return _calibrate_camera(args)


def _calibrate_camera(args: argparse.Namespace) -> int:
    from ..calibration.calibration import calibrate_live
    from ..calibration.offsets import store_offset
    from ..devices.portaudio import PortAudioSource, StreamSettings
    from ..video.camera.names import camera_name, parse_camera

    if not args.seconds >= _MIN_SECONDS:
        raise InputError(f"--seconds {args.seconds:g} is too short to be sure: {_MIN_SECONDS:g} or more")
    camera = parse_camera(args.camera)
    source = PortAudioSource(StreamSettings(args.input))
    print(f"Look at the camera and read something aloud for {args.seconds:g} s.", flush=True)
    with ProgressBar("speak") as bar:
        estimate = calibrate_live(camera, source, args.seconds, bar, args.face_model)
    code = _report(f"camera {camera_name(camera)}", estimate)
    if estimate.trusted:
        print(f"remembered in {store_offset(camera, estimate.offset_s)}")
    return code


def _report(what: str, estimate: "OffsetEstimate") -> int:
    from ..offset.watch import offset_words

    if not estimate.trusted:
        complain(
            "warning", f"{what}: no offset was found, so none is remembered: {'; '.join(estimate.doubts)}"
        )
        return EXIT_UNSURE
    print(
        f"{what}: {offset_words(1000 * estimate.offset_s)} "
        f"(correlation {estimate.correlation:.2f}, {estimate.margin:.2f} above any other offset, "
        f"{estimate.seen_s:.0f} s of sound with a visible mouth)"
    )
    return 0

"""The options of ``lipstream live``, and the settings they stand for. Light at import."""

import argparse
from dataclasses import fields
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..controls import STRENGTHS
from .options import add_av_offset, add_face_model, add_model

if TYPE_CHECKING:
    from .live_settings import LiveSettings

#: Delay for --av-align without a number: a webcam's delay, and one frame at 25 fps.
ALIGN_MS = 120.0
#: The virtual microphone's name, where --virtual-mic gives none.
VIRTUAL_MIC = "lipstream"


def add_options(parser: argparse.ArgumentParser) -> None:
    """All options; of those that can be remembered, None means not given."""
    _add_sound(parser)
    _add_video(parser)
    _add_processing(parser)
    _add_records(parser)
    _add_settings(parser)
    parser.set_defaults(model=None, runtime=None, atten_limit=None)


def settings_of(args: argparse.Namespace) -> "LiveSettings":
    """What of the options can be remembered.

    Raises:
        InputError: saved settings are to be used and cannot be read.
    """
    from .live_settings import LiveSettings

    chosen: dict[str, Any] = {
        "strength": None if args.atten_limit is None else _strength_text(args.atten_limit),
        "face_model": None if args.face_model is None else str(args.face_model),
    }
    rest = {field.name for field in fields(LiveSettings)} - set(chosen)  # options have their names
    return LiveSettings(**chosen, **{name: getattr(args, name) for name in rest})


def _strength_text(limit_db: float) -> str:
    """A strength as a user would write it: its word, if it has one."""
    return next((word for word, db in STRENGTHS.items() if db == limit_db), f"{limit_db:g}")


def _add_sound(parser: argparse.ArgumentParser) -> None:
    sound = parser.add_argument_group("sound")
    sound.add_argument(
        "--input",
        metavar="D",
        help="microphone: index or part of a name (see lipstream devices), or a sound file (default: the "
        "system's)",
    )
    sound.add_argument(
        "--virtual-mic",
        nargs="?",
        const=VIRTUAL_MIC,
        metavar="NAME",
        help="give the clean voice to other programs as a microphone of this name (Linux; %(const)s without "
        "NAME). The default where the system can do it",
    )
    sound.add_argument(
        "--output", metavar="D", help="play it on this device instead, or write it to a sound file"
    )
    sound.add_argument(
        "--monitor",
        action="store_true",
        default=None,
        help="play it on the default output instead: hear yourself, on headphones",
    )
    sound.add_argument(
        "--incoming",
        nargs="?",
        const="default",
        metavar="D",
        help="clean what you hear as well: what programs play to the 'Lipstream speakers' is heard on this "
        "output (Linux; without D the default one)",
    )
    sound.add_argument(
        "--push-to-talk",
        action="store_true",
        default=None,
        help="begin muted; the space bar switches between talking and muted",
    )
    sound.add_argument(
        "--channel", type=int, metavar="N", help="channel of the input, from 1 (default: a mix)"
    )
    sound.add_argument("--rate", type=int, metavar="HZ", help="rate of both devices (default: their own)")
    sound.add_argument("--block", type=int, metavar="N", help="samples of a device's block (default: 10 ms)")


def _add_video(parser: argparse.ArgumentParser) -> None:
    video = parser.add_argument_group("video")
    video.add_argument(
        "--camera",
        nargs="?",
        const="0",
        metavar="C",
        help="use lips, seen by the camera of this index or URL, or in a video file (%(const)s without C; "
        "default: none, audio only)",
    )
    video.add_argument(
        "--no-video", dest="camera", action="store_const", const="none", help="audio only: --camera none"
    )
    add_face_model(video)
    add_av_offset(video, "as lipstream calibrate measured it, and a line where they are far off")
    video.add_argument(
        "--av-align",
        type=float,
        nargs="?",
        const=ALIGN_MS,
        metavar="MS",
        help="with --camera: let the sound wait until its lips are there (%(const)g without MS; default: "
        "never wait)",
    )


def _add_processing(parser: argparse.ArgumentParser) -> None:
    processing = parser.add_argument_group("processing")
    add_model(processing)
    processing.add_argument(
        "--low-latency",
        action="store_true",
        default=None,
        help="buffer less audio: for computers that never stutter",
    )
    processing.add_argument(
        "--max-latency",
        type=float,
        metavar="MS",
        help="the most that may be added to the devices' delay (default: 250)",
    )


def _add_records(parser: argparse.ArgumentParser) -> None:
    records = parser.add_argument_group("records")
    records.add_argument(
        "--record", type=Path, metavar="DIR", help="write noisy.wav, clean.wav and the lips into a new folder"
    )
    records.add_argument("--json-stats", type=Path, metavar="FILE", help="append a line of JSON each second")
    records.add_argument(
        "--duration", type=float, default=inf, metavar="S", help="end after so many seconds (default: never)"
    )


def _add_settings(parser: argparse.ArgumentParser) -> None:
    settings = parser.add_argument_group("settings")
    settings.add_argument(
        "--save",
        action="store_true",
        help="remember the options of sound, video and processing: without any of them, lipstream live takes "
        "these up",
    )
    settings.add_argument("--no-saved", action="store_true", help="leave what is remembered aside")
    either = settings.add_mutually_exclusive_group()
    either.add_argument(
        "--install",
        action="store_true",
        help="write a systemd user unit and an entry for the menu, which start lipstream live with what is "
        "remembered, and end (Linux)",
    )
    either.add_argument("--uninstall", action="store_true", help="remove both, and end")

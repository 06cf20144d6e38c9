"""The command ``lipstream live``. Light at import."""

import argparse
import os
import signal
import sys
import threading
from contextlib import ExitStack
from math import inf
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

from ...core.console import complain
from ...core.native_stderr import native_stderr_detached
from .options import add_av_offset, add_face_model, add_model

if TYPE_CHECKING:
    from ..live.config import EndpointName, LiveConfig
    from ..live.session import LiveSession
    from ..live.stats import StatsFile
    from ..ui.display import Relay
    from ..ui.keys import Keyboard

EXIT_FAILED = 1
#: Seconds between two looks at the keys, and between two lines of --json-stats.
KEYS_S, STATS_S = 0.1, 1.0
#: Delay for --av-align without a number: a webcam's delay, and one frame at 25 fps.
ALIGN_MS = 120.0
#: A name that ends so is a sound file, not a device.
SOUND_FILES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".caf", ".w64")
ENDING_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "live",
        help="clean a microphone while it runs",
        description="Clean a microphone in real time. No camera is opened unless --camera asks for one. "
        "Keys: b bypass, +/- attenuation limit, v video, m mute, q quit.",
    )
    parser.set_defaults(run=live)
    _add_sound(parser)
    _add_video(parser)
    _add_processing(parser)
    _add_records(parser)


def live(args: argparse.Namespace) -> int:
    """Run a session until it is ended by a key, Ctrl-C or its duration.

    Returns:
        0, or 1 if a part of it failed.
    """
    from ..live.session import LiveError, LiveSession
    from ..live.stats import StatsFile
    from ..live.threads import responsive
    from ..ui.display import Relay, choose_display, status_line
    from ..ui.keys import Keyboard

    config = _config(args)
    if config.camera is not None:
        from ..lips_bound import notice

        if (words := notice(config.model)) is not None:
            complain("note", words)
    others = set(threading.enumerate())
    try:
        with _Interruption() as interruption, ExitStack() as stack:
            # ALSA speaks of every stumble, at any time and from threads of its own.
            stack.enter_context(native_stderr_detached())
            relay = stack.enter_context(Relay(choose_display()))
            stats_file = None
            if args.json_stats is not None:
                stats_file = stack.enter_context(StatsFile(args.json_stats, relay.tell))
            session = stack.enter_context(LiveSession(config, on_message=relay.tell))
            keyboard = stack.enter_context(Keyboard())
            stack.enter_context(responsive())
            try:
                _run(session, relay, keyboard, stats_file, interruption)
            finally:
                relay.tell(f"ended: {status_line(session.stats())}")
    except LiveError as error:
        complain("error", error)
        return _left(EXIT_FAILED, others)
    return _left(0, others)


def _left(code: int, others: set[threading.Thread]) -> int:
    """The exit code, when all is closed; ends the process with it where native code still runs on.

    PortAudio may wait for a sound server for ever: if Python cleared up under it, it would crash.
    """
    ours = set(threading.enumerate()) - others
    if any(thread.name.startswith("lipstream") for thread in ours):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _run(
    session: "LiveSession",
    relay: "Relay",
    keyboard: "Keyboard",
    stats_file: "StatsFile | None",
    interruption: "_Interruption",
) -> None:
    """Show how the session goes and do what keys ask for, until it ends or is asked to."""
    from ..ui.keys import QUIT, press

    show_s = write_s = 0.0
    while not session.wait(KEYS_S) and not interruption.happened:
        keys = keyboard.pressed()
        if QUIT in keys.lower():
            return
        for key in keys:
            press(key, session.controls)
        relay.pass_on()
        now_s = monotonic()
        if keys or now_s >= show_s:
            relay.show(session.stats())
            show_s = now_s + relay.period_s
        if stats_file is not None and now_s >= write_s:
            stats_file.write(session.stats())
            write_s = now_s + STATS_S


def _config(args: argparse.Namespace) -> "LiveConfig":
    from ..live.config import LiveConfig
    from ..video.camera.status import parse_camera

    return LiveConfig(
        input=_endpoint(args.input),
        output=_endpoint(args.output),
        channel=args.channel,
        sample_rate=args.rate,
        block=args.block,
        camera=None if args.camera == "none" else parse_camera(args.camera),
        face_model=args.face_model,
        model=args.model,
        runtime=args.runtime,
        atten_limit_db=args.atten_limit,
        low_latency=args.low_latency,
        max_latency_ms=args.max_latency,
        av_align_ms=args.av_align,
        av_offset_ms=args.av_offset,
        virtual_mic=args.virtual_mic,
        record=args.record,
        duration_s=args.duration,
    )


def _endpoint(value: str | None) -> "EndpointName | None":
    """A file, or the name or index of a device."""
    return Path(value) if value is not None and value.lower().endswith(SOUND_FILES) else value


class _Interruption:
    """Ends a with-block quietly at Ctrl-C or another signal to end; more of them do not disturb its end.

    Attributes:
        happened: whether there was one. The exception alone is no proof: native code may swallow it, or make
            another one of it.
    """

    def __init__(self) -> None:
        self.happened = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for name in ENDING_SIGNALS:
            if hasattr(signal, name):  # Windows has fewer
                number = getattr(signal, name)
                self._before[number] = signal.signal(number, self._interrupt)
        return self

    def __exit__(self, *error: object) -> bool:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        return self.happened

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if not self.happened:
            self.happened = True
            raise KeyboardInterrupt


def _add_sound(parser: argparse.ArgumentParser) -> None:
    sound = parser.add_argument_group("sound")
    sound.add_argument(
        "--input",
        metavar="D",
        help="microphone: index or part of a name (see lipstream devices), or a sound file",
    )
    sound.add_argument("--output", metavar="D", help="headphones: the same, or a sound file that is written")
    sound.add_argument(
        "--virtual-mic", action="store_true", help="give the output to other programs as a microphone (Linux)"
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
        default="none",
        const="0",
        metavar="C",
        help="use lips, seen by the camera of this index or URL, or in a video file (%(const)s without C; "
        "default: %(default)s, audio only)",
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
        default=0.0,
        const=ALIGN_MS,
        metavar="MS",
        help="with --camera: let the sound wait until its lips are there (%(const)g without MS; default: "
        "never wait)",
    )


def _add_processing(parser: argparse.ArgumentParser) -> None:
    processing = parser.add_argument_group("processing")
    add_model(
        processing,
        "auto",
        "onnx, eager, native, cuda-graph, or auto: native if lipstream doctor has built it, else onnx",
    )
    processing.add_argument(
        "--low-latency", action="store_true", help="buffer less audio: for computers that never stutter"
    )
    processing.add_argument(
        "--max-latency",
        type=float,
        default=250.0,
        metavar="MS",
        help="the most that may be added to the devices' delay (%(default)g)",
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

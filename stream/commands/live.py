"""The command ``lipstream live``. Light at import."""

import argparse
import os
import signal
import sys
import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

from ...core.console import complain
from ...core.native_stderr import native_stderr_detached
from ...core.options import add_options, from_options
from ...errors import InputError
from ..live.config import LiveConfig
from .live_plan import with_output
from .live_settings import NO_CAMERA, LiveSettings

if TYPE_CHECKING:
    from ..live.session import LiveSession
    from ..live.stats import StatsFile
    from ..ui.display import Relay
    from ..ui.keys import Keyboard

EXIT_FAILED = 1
#: Seconds between two looks at the keys, and between two lines of --json-stats.
KEYS_S, STATS_S = 0.1, 1.0
ENDING_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "live",
        help="clean a microphone while it runs",
        description="Clean a microphone in real time. No camera is opened unless --camera asks for one. "
        "While it runs, ? shows the keys.",
    )
    parser.set_defaults(run=live)
    groups = add_options(parser, LiveSettings)
    groups["video"].add_argument(
        "--no-video", dest="camera", action="store_const", const=NO_CAMERA, help="audio only: --camera none"
    )
    records = add_options(parser, LiveConfig)["records"]
    records.add_argument("--json-stats", type=Path, metavar="FILE", help="append a line of JSON each second")
    _add_settings(parser)


def live(args: argparse.Namespace) -> int:
    """Run a session until it is ended by a key, Ctrl-C or its duration.

    Returns:
        0, or 1 if a part of it failed.
    """
    from .live_saved import settings_path

    if args.install or args.uninstall:
        return _install(args)
    chosen = from_options(LiveSettings, args)
    if chosen.chosen() or args.no_saved or (saved := _saved()) is None:
        return _live(args, chosen)
    try:
        return _live(args, saved)
    except InputError as error:
        raise InputError(
            f"{error} (so it is saved in {settings_path()}: --no-saved leaves that aside)"
        ) from error


def _live(args: argparse.Namespace, chosen: LiveSettings) -> int:
    """Run a session with these settings."""
    from ..live.incoming import incoming_session
    from ..live.session import LiveError, LiveSession
    from ..live.stats import StatsFile
    from ..live.threads import responsive
    from ..ui.display import Relay, choose_display
    from ..ui.keys import Keyboard
    from ..ui.words import status_line
    from .live_saved import write_settings

    settings = with_output(chosen, partial(print, flush=True), _ask if _on_terminal() else None)
    config = settings.config(record=args.record, duration_s=args.duration_s)
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
            session = LiveSession(config, on_message=relay.tell)
            session.mute = bool(settings.push_to_talk)
            incoming = None
            if settings.incoming is not None:  # told before anything starts, if there is no such output
                incoming = incoming_session(settings.incoming, config, relay.tell)
            stack.enter_context(session)
            if incoming is not None:
                stack.enter_context(incoming)
            if args.save:
                relay.tell(f"saved in {write_settings(chosen)}: lipstream live takes it up")
            keyboard = stack.enter_context(Keyboard())
            stack.enter_context(responsive())
            try:
                _run(session, incoming, relay, keyboard, stats_file, interruption)
            finally:
                relay.tell(f"ended: {status_line(session.stats())}")
    except LiveError as error:
        complain("error", error)
        return _left(EXIT_FAILED, others)
    return _left(0, others)


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


def _saved() -> LiveSettings | None:
    """What was saved, if anything; a line says that it is used.

    Raises:
        InputError: what was saved cannot be used.
    """
    from .live_saved import read_settings, settings_path

    if (saved := read_settings()) is not None:
        print(f"settings of {settings_path()}: {saved.words()} (--no-saved leaves them aside)", flush=True)
    return saved


def _on_terminal() -> bool:
    """Whether somebody can be asked."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def _ask(question: str) -> str:
    try:
        return input(question)
    except EOFError:
        return ""


def _install(args: argparse.Namespace) -> int:
    """Write or remove what starts live sessions by themselves, and say how it is used."""
    from .live_install import install, this_program, uninstall
    from .live_saved import write_settings

    if args.uninstall:
        for path in uninstall():
            print(f"removed {path}")
        return 0
    if args.save:
        chosen = from_options(LiveSettings, args)
        chosen.config()  # which checks them
        print(f"saved in {write_settings(chosen)}")
    for path in install(this_program()):
        print(f"wrote {path}")
    print("at each login, and now: systemctl --user daemon-reload; systemctl --user enable --now lipstream")
    return 0


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
    incoming: "LiveSession | None",
    relay: "Relay",
    keyboard: "Keyboard",
    stats_file: "StatsFile | None",
    interruption: "_Interruption",
) -> None:
    """Show how the session goes and do what keys ask for, until it ends or is asked to."""
    from ..ui.keys import QUIT, View, press

    view = View()
    show_s = write_s = 0.0
    while not session.wait(KEYS_S) and not interruption.happened:
        if incoming is not None and incoming.wait(0.0):
            return
        keys = keyboard.pressed()
        if QUIT in keys.lower():
            return
        for key in keys:
            has_camera = session.stats().camera is not None
            told = press(key, session.controls, view, has_camera, incoming.controls if incoming else None)
            if told is not None:
                relay.tell(told)
        relay.pass_on()
        now_s = monotonic()
        if keys or now_s >= show_s:
            relay.show(session.stats(), view, incoming.stats() if incoming else None)
            show_s = now_s + relay.period_s
        if stats_file is not None and now_s >= write_s:
            stats_file.write(session.stats())
            write_s = now_s + STATS_S


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

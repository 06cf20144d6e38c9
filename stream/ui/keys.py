"""The keys of a running session, read one by one from the terminal."""

import os
import re
import sys
from dataclasses import dataclass
from typing import Any, Self

from ..controls import NO_LIMIT_DB, Controls

QUIT = "q"
#: Steps of the attenuation limit in dB; above the last there is none.
LIMIT_STEPS_DB = (0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0, 24.0, 30.0, 40.0, NO_LIMIT_DB)
#: What a terminal sends for an arrow (ESC [ B), a function key (ESC O Q, ESC [ 1 5 ~) or a letter with Alt.
_SEQUENCE = re.compile(r"\x1b(?:\[\[?[0-?]*[ -/]*[@-~]|O.|.|$)")
#: What the keys do, one by one.
KEYS = (
    ("space", "talk, or mute again (no need to hold it)"),
    ("m", "the same"),
    ("+ -", "suppress more noise, or less"),
    ("b", "bypass: hear the difference"),
    ("i", "the same for what you hear, with --incoming"),
    ("v", "lips on and off, with a camera"),
    ("d", "details: delay by stage, load, clocks"),
    ("?", "show or hide these keys"),
    ("q", "quit"),
)


@dataclass
class View:
    """What of a session is shown.

    Attributes:
        details: numbers for those who look for a fault, in place of plain words.
        keys: what the keys do.
    """

    details: bool = False
    keys: bool = False


def press(
    key: str, controls: Controls, view: View, has_camera: bool, incoming: Controls | None = None
) -> str | None:
    """Do what a key means; nothing if it means nothing.

    Args:
        key: the character.
        controls: of the session.
        view: of its display.
        has_camera: whether there are lips to be switched.
        incoming: of the session for what one hears, if there is one.

    Returns:
        What to tell about it, where the display does not show it.
    """
    match key.lower():
        case "b":
            controls.bypass = not controls.bypass
        case "i":
            if incoming is None:
                return "i: nothing you hear is cleaned in this session; lipstream live --incoming does it"
            incoming.bypass = not incoming.bypass
        case "m" | " ":
            controls.mute = not controls.mute
        case "v":
            if not has_camera:
                return "v: there is no camera in this session; lipstream live --camera uses one"
            controls.video = not controls.video
        case "+" | "=":  # the same key on many keyboards
            above = [step for step in LIMIT_STEPS_DB if step > controls.atten_limit_db]
            controls.atten_limit_db = min(above, default=NO_LIMIT_DB)
        case "-" | "_":
            below = [step for step in LIMIT_STEPS_DB if step < controls.atten_limit_db]
            controls.atten_limit_db = max(below, default=0.0)
        case "d":
            view.details = not view.details
        case "?":
            view.keys = not view.keys
    return None


class Keyboard:
    """Keys as they are pressed, without Enter and without an echo; none where stdin is no terminal.

    A context manager: the terminal is at its end as it was at its beginning.
    """

    def __enter__(self) -> Self:
        self._before: list[Any] | None = None
        if sys.platform != "win32" and _in_foreground():
            import termios

            self._before = termios.tcgetattr(sys.stdin)
            _take_single_keys()
        return self

    def __exit__(self, *error: object) -> None:
        if self._before is not None and _in_foreground():
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSANOW, self._before)

    def pressed(self) -> str:
        """The keys pressed since the last call; does not wait."""
        if sys.platform == "win32":
            return _pressed_on_windows()
        if self._before is None or not _in_foreground():  # stopped and sent on in the background since then
            return ""
        import select

        _take_single_keys()

        ready = select.select([sys.stdin], [], [], 0)[0]
        return _letters(os.read(sys.stdin.fileno(), 64).decode(errors="ignore")) if ready else ""


def _letters(typed: str) -> str:
    """What was typed without the sequences of arrows and function keys, whose letters mean nothing here."""
    return _SEQUENCE.sub("", typed)


def _take_single_keys() -> None:
    """Let keys come without Enter; also again, for a shell takes that back where it stopped this process."""
    import termios
    import tty

    if termios.tcgetattr(sys.stdin)[3] & termios.ICANON:
        tty.setcbreak(sys.stdin, termios.TCSANOW)


def _in_foreground() -> bool:
    """Whether the terminal listens to this process: one in the background would be stopped for asking."""
    try:
        return os.isatty(sys.stdin.fileno()) and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (AttributeError, OSError, ValueError):  # stdin closed, or no real file
        return False


def _pressed_on_windows() -> str:
    import msvcrt

    keys = ""
    while sys.stdin.isatty() and msvcrt.kbhit():  # type: ignore[attr-defined]
        keys += msvcrt.getwch()  # type: ignore[attr-defined]
    return keys

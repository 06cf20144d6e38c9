"""Keys: what each does, and a terminal that is as before whatever happens."""

import os
import pty
import signal
import subprocess
import sys
import termios
import time
from typing import Any

import pytest

from lipstream.stream.controls import Controls
from lipstream.stream.ui.keys import KEYS, LIMIT_STEPS_DB, Keyboard, View, press


@pytest.mark.parametrize(
    ("keys", "changed"),
    [
        ("b", {"bypass": True}),
        ("bb", {}),
        ("M", {"mute": True}),
        (" ", {"mute": True}),
        ("  ", {}),
        ("m ", {}),
        ("v", {"video": False}),
        ("-", {"atten_limit_db": 40.0}),
        ("-+", {}),
        ("+", {}),
        ("-" * 50, {"atten_limit_db": 0.0}),
        ("-" * 50 + "=", {"atten_limit_db": 3.0}),
        ("xyzd?\x1b[A", {}),
    ],
)
def test_each_key_changes_its_control_alone(keys: str, changed: dict[str, Any]) -> None:
    controls = Controls()
    for key in keys:
        assert press(key, controls, View(), has_camera=True) is None
    assert vars(controls) == vars(Controls(**changed))


def test_a_limit_between_two_steps_goes_to_the_next() -> None:
    controls = Controls(atten_limit_db=10.0)
    press("+", controls, View(), has_camera=False)
    assert controls.atten_limit_db == 12.0
    controls.atten_limit_db = 10.0
    press("-", controls, View(), has_camera=False)
    assert controls.atten_limit_db == 9.0
    assert list(LIMIT_STEPS_DB) == sorted(LIMIT_STEPS_DB)


def test_lips_without_a_camera_are_explained() -> None:
    controls = Controls()
    told = press("v", controls, View(), has_camera=False)
    assert told is not None
    assert "no camera" in told
    assert vars(controls) == vars(Controls())


def test_what_is_heard_has_a_bypass_of_its_own() -> None:
    controls, incoming = Controls(), Controls()
    assert press("i", controls, View(), False, incoming) is None
    assert (controls.bypass, incoming.bypass) == (False, True)
    assert "--incoming" in str(press("i", controls, View(), False))


def test_details_and_keys_are_shown_and_hidden() -> None:
    view = View()
    for key, shown in (("d", View(details=True)), ("?", View(True, True)), ("D", View(keys=True))):
        press(key, Controls(), view, has_camera=False)
        assert view == shown
    assert {name for name, _ in KEYS} >= {"space", "m", "+ -", "b", "v", "d", "?", "q"}


def test_without_a_terminal_there_are_no_keys() -> None:
    # pytest's stdin is none.
    with Keyboard() as keyboard:
        assert keyboard.pressed() == ""


READER = """
import fcntl, signal, termios, time
from lipstream.stream.ui.keys import Keyboard
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # the terminal on stdin is this session's own
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
try:
    with Keyboard() as keyboard:
        print("ready", flush=True)
        seen = ""
        while "q" not in seen:
            seen += keyboard.pressed()
            time.sleep(0.01)
            if "!" in seen:
                raise RuntimeError
        print("saw", seen, flush=True)
except (KeyboardInterrupt, RuntimeError) as error:
    print(type(error).__name__, flush=True)
"""


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("b+q", "saw b+q"),
        # Arrows down and left, F2, F5, a console's F1, Control-left, Alt-q: neither b nor d nor q.
        ("\x1b[B\x1b[D\x1bOQ\x1b[15~\x1b[[A\x1b[1;5D\x1bqmq", "saw mq"),
        ("b!", "RuntimeError"),
        (None, "KeyboardInterrupt"),
    ],
)
def test_keys_come_without_enter_and_the_terminal_is_restored(typed: str | None, told: str) -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    process = subprocess.Popen(
        [sys.executable, "-c", READER],
        stdin=theirs,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        assert not termios.tcgetattr(theirs)[3] & (termios.ICANON | termios.ECHO)
        if typed is None:
            time.sleep(0.1)
            process.send_signal(signal.SIGINT)
        else:
            os.write(ours, typed.encode())
        assert process.stdout.readline() == told + "\n"
        assert process.wait(timeout=10) == 0
        assert termios.tcgetattr(theirs) == before
    finally:
        process.kill()
        process.stdout.close()
        os.close(ours)
        os.close(theirs)


SHELL = """
import os, signal, sys, termios, fcntl
from lipstream.stream.ui.keys import Keyboard
control, (hears, tells) = int(sys.argv[1]), os.pipe()
def step():
    os.write(tells, b".")
    os.read(control, 1)
def job():
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpgrp())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    with Keyboard() as keyboard:
        print("ready", flush=True)
        os.read(hears, 1)
        print("in the background, saw", repr(keyboard.pressed()), flush=True)
        os.read(hears, 1)
        seen = keyboard.pressed()
        print("back", flush=True)
        while "q" not in seen:
            seen += keyboard.pressed()
        print("saw", repr(seen), flush=True)
        os.read(hears, 1)
signal.alarm(30)  # whoever is stopped by the terminal does not wait for ever
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
cooked = termios.tcgetattr(0)
child = os.fork()
if child == 0:
    job()
    os._exit(7)
os.read(control, 1)
os.tcsetpgrp(0, os.getpgrp())  # as a shell does after Ctrl-Z and bg
termios.tcsetattr(0, termios.TCSANOW, cooked)
step()
termios.tcflush(0, termios.TCIFLUSH)
os.tcsetpgrp(0, child)  # fg
step()
os.tcsetpgrp(0, os.getpgrp())
os.write(tells, b".")
print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_a_session_in_the_background_leaves_the_terminal_to_others() -> None:
    ours, theirs = pty.openpty()
    control, controlled = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", SHELL, str(control)],
        stdin=theirs,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        pass_fds=[control],
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        os.write(ours, b"b\n")  # as for a shell, which has the terminal again
        os.write(controlled, b".")
        assert process.stdout.readline() == "in the background, saw ''\n"
        os.write(controlled, b".")
        assert process.stdout.readline() == "back\n"
        os.write(ours, b"q")
        assert process.stdout.readline() == "saw 'q'\n"
        os.write(controlled, b".")
        assert process.stdout.readline() == "ended 7\n"
    finally:
        process.kill()
        process.communicate()
        for end in (ours, theirs, control, controlled):
            os.close(end)

"""``lipstream live`` as a program: one clear line for what is wrong, and a clean end at any moment."""

import argparse
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream import InputError
from lipstream.core.options import from_options
from lipstream.stream.commands import live as commands
from lipstream.stream.commands import live_saved as saved
from lipstream.stream.commands.live_settings import LiveSettings

pytestmark = pytest.mark.usefixtures("shipped_weights")

PROGRAM = """
import argparse, sys
from lipstream.stream.commands import live as commands
parser = argparse.ArgumentParser()
commands.add_parsers(parser.add_subparsers())
args = parser.parse_args(["live", *sys.argv[1:]])
sys.exit(args.run(args))
"""
EXAMPLE = Path(__file__).resolve().parents[3] / "demo" / "example.mp4"
FILES = ["--input", "in.wav", "--output", "out.wav", "--camera", "none"]


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    commands.add_parsers(parser.add_subparsers())
    return parser.parse_args(["live", *arguments])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a minute of noise in ``in.wav``."""
    monkeypatch.chdir(tmp_path)
    # A thread that a busy computer holds up must not end the process: here it is that of the tests.
    monkeypatch.setattr(commands, "_left", lambda code, others: code)
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 60 * 16_000)
    soundfile.write("in.wav", noise, 16_000)
    return tmp_path


@pytest.fixture
def started(folder: Path) -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def start(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--input missing.wav --output out.wav", "missing.wav: no such file"),
        ("--input in.wav --output in.wav", "is the input as well"),
        ("--input in.wav --output no/out.wav", "create it"),
        ("--input in.wav --output out.wav --channel 2", "no channel 2"),
        ("--input in.wav --output out.wav --model huge", "huge"),
        ("--input in.wav --output out.wav --camera face.mp4", "no index, no URL and no file"),
        ("--input in.wav --output out.wav --camera none --record in.wav/x", "name another folder"),
        ("--input in.wav --output out.wav --camera none --json-stats .", "choose another --json-stats"),
        ("--input in.wav --output out.wav --camera none --max-latency 20", "allow at least"),
        ("--input in.wav --virtual-mic --output out.wav", "leave the output away"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_written(folder: Path, arguments: str, words: str) -> None:
    args = parsed(*arguments.split())
    with pytest.raises(InputError, match=words):
        args.run(args)
    assert [path.name for path in folder.iterdir()] == ["in.wav"]


def test_a_file_is_cleaned_in_real_time_until_it_ends(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write("short.wav", np.random.default_rng(0).uniform(-0.3, 0.3, (8_000, 2)), 16_000)
    args = parsed("--input", "short.wav", "--output", "out.flac", "--no-video", "--json-stats", "stats.jsonl")
    assert args.run(args) == 0
    assert soundfile.info("out.flac").frames > 8_000
    printed = capsys.readouterr().out
    for words in ("input short.wav, 16 kHz", "output out.flac", "model lite on ", "xruns in"):
        assert words in printed
    assert json.loads((folder / "stats.jsonl").read_text().splitlines()[0])["input"]["rate"] == 16_000


@pytest.mark.parametrize(
    "moment", ["input in.wav", "output out.wav", "model lite", "recording to", "xruns in"]
)
def test_ctrl_c_at_any_moment_ends_it_with_files_that_play(
    folder: Path, started: list[subprocess.Popen[str]], moment: str
) -> None:
    process = start(*FILES, "--record", "take")
    started.append(process)
    assert process.stdout is not None
    while moment not in (line := process.stdout.readline()):
        assert line, "it ended before that"
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=90)
    assert (process.returncode, errors) == (0, "")
    assert not list(folder.glob("**/*.part"))
    written = [*folder.glob("take/*.wav"), *folder.glob("out.wav")]
    assert len({soundfile.info(path).frames for path in folder.glob("take/*.wav")}) <= 1
    assert moment != "xruns in" or len(written) == 3
    for path in written:
        assert soundfile.info(path).samplerate == 16_000


@pytest.mark.parametrize("wait_s", [0.1, 0.5, 1.0])
def test_ctrl_c_while_the_camera_is_made_ready_is_clean_too(
    folder: Path, started: list[subprocess.Popen[str]], wait_s: float
) -> None:
    process = start("--input", "in.wav", "--output", "out.wav", "--camera", str(EXAMPLE))
    started.append(process)
    assert process.stdout is not None
    while "xruns in" not in (line := process.stdout.readline()):
        assert line, "it ended before that"
    time.sleep(wait_s)  # somewhere in the loading of MediaPipe
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=90)
    assert (process.returncode, errors) == (0, "")
    assert soundfile.info("out.wav").frames > 0


def test_no_camera_is_opened_unless_one_is_asked_for() -> None:
    for arguments in ([], ["--camera", "none"], ["--camera", "--no-video"]):
        assert from_options(LiveSettings, parsed(*arguments)).config().camera is None
    assert from_options(LiveSettings, parsed("--camera")).config().camera == 0
    assert from_options(LiveSettings, parsed("--camera", str(EXAMPLE))).config().camera is not None


def test_settings_are_saved_and_taken_up_where_none_are_given(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(saved, "config_folder", lambda: folder / "config")
    args = parsed(*FILES, "--strength", "light", "--push-to-talk", "--duration", "0.3", "--save")
    assert args.run(args) == 0
    assert "lipstream live takes it up" in capsys.readouterr().out
    args = parsed("--duration", "0.3")
    assert args.run(args) == 0
    printed = capsys.readouterr().out
    for words in ("live.toml", '--strength "light"', "--no-saved", "in.wav, 16 kHz", "MUTED"):
        assert words in printed
    args = parsed("--duration", "0.3", "--output", "other.wav", "--input", "in.wav")
    assert args.run(args) == 0
    assert "live.toml" not in capsys.readouterr().out
    (folder / "config" / "live.toml").write_text("version = 1\nvolume = 3\n")
    with pytest.raises(InputError, match="no setting 'volume'"):
        parsed().run(parsed())
    (folder / "config" / "live.toml").write_text('version = 1\ninput = "in.wav"\noutput = "in.wav"\n')
    with pytest.raises(InputError, match=r"is the input as well.*\(so it is saved in .*live.toml"):
        parsed().run(parsed())


def test_the_help_says_that_lips_are_off(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--help")
    words = " ".join(capsys.readouterr().out.split())
    assert "use lips" in words
    assert "default: none, audio only" in words
    assert "(None)" not in words


def test_being_told_to_end_is_like_ctrl_c(folder: Path, started: list[subprocess.Popen[str]]) -> None:
    process = start(*FILES)
    started.append(process)
    assert process.stdout is not None
    while "xruns in" not in (line := process.stdout.readline()):
        assert line, "it ended before that"
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=90)
    assert (process.returncode, errors) == (0, "")
    assert soundfile.info("out.wav").frames > 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_for_the_statistics_is_told_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = parsed(*FILES, "--json-stats", "/dev/full", "--duration", "2.5")
    assert args.run(args) == 0
    assert capsys.readouterr().out.count("no more statistics in /dev/full") == 1


def test_a_reader_that_goes_away_ends_it_quietly(folder: Path) -> None:
    program = [sys.executable, "-c", "import sys; from lipstream.cli import main; sys.exit(main())"]
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run([*program, "live", *FILES], stdout=closed, stderr=subprocess.PIPE, timeout=90)
    assert (done.returncode, done.stderr) == (141, b"")


def test_keys_work_and_the_terminal_is_given_back(folder: Path) -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    terminal = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n" + PROGRAM
    process = subprocess.Popen(
        [sys.executable, "-c", terminal, *FILES],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
    )
    try:
        shown = read_until(ours, "q quits")
        os.write(ours, b"b-")
        shown += read_until(ours, "BYPASS")
        os.write(ours, b"dv")
        shown += read_until(ours, "suppression strong, up to 40 dB")
        assert "v: there is no camera" in shown
        os.write(ours, b"q")
        read_until(ours, None, seconds=1.0)
        assert process.wait(timeout=90) == 0
        assert termios.tcgetattr(theirs) == before
        assert "in.wav, 16 kHz" in shown
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


def read_until(terminal: int, words: str | None, seconds: float = 30.0) -> str:
    """What appears on a terminal, until these words do."""
    shown = ""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and (words is None or words not in shown):
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 65_536).decode(errors="replace")
    assert words is None or words in shown, shown
    return shown

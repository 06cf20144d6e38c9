"""``lipstream enhance`` as a process among others: pipes, names, signals, and a stdout that takes nothing."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from lipstream.stream.audio_files import open_audio
from lipstream.tests.stream.media.samples import speech_like, write_sample

PROGRAM = [sys.executable, "-c", "import sys; from lipstream.cli import main; sys.exit(main())"]

if sys.platform == "win32":
    pytest.skip("pipes and signals of POSIX", allow_module_level=True)


def lipstream(*arguments: str | Path | bytes, **options: Any) -> "subprocess.CompletedProcess[bytes]":
    defaults: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 120}
    return subprocess.run([*PROGRAM, *arguments], check=False, **(defaults | options))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_sound_goes_through_pipes_as_through_files(kind: str, tmp_path: Path) -> None:
    source = tmp_path / f"in.{kind}"
    write_sample(source)
    lipstream("enhance", source, "-o", tmp_path / f"out.{kind}")
    done = lipstream("enhance", "-", input=source.read_bytes())
    assert done.returncode == 0
    assert done.stderr.startswith(b"- -> -: 1.00 s in ")  # stdout has the sound
    (tmp_path / f"piped.{kind}").write_bytes(done.stdout)
    sounds = []
    for name in ("piped", "out"):
        with open_audio(tmp_path / f"{name}.{kind}") as reader:
            sounds.append(np.concatenate(list(reader.blocks(16_000))))
            assert reader.layout.sample_rate == 16_000
            assert reader.warnings == ()
    assert len(sounds[0]) == len(sounds[1]) == 16_000
    # FFmpeg and libsndfile round to 16 bits each in its own way.
    assert np.abs(sounds[0] - sounds[1]).max() <= 1.01 / 2**15


def test_a_fifo_is_an_output(tmp_path: Path) -> None:
    write_sample(tmp_path / "in.wav")
    os.mkfifo(tmp_path / "out.flac")
    with subprocess.Popen(["cat", tmp_path / "out.flac"], stdout=subprocess.PIPE) as reader:
        assert lipstream("enhance", tmp_path / "in.wav", "-o", tmp_path / "out.flac").returncode == 0
        content = reader.communicate(timeout=60)[0]
    assert soundfile.info(io.BytesIO(content)).frames > 0 or content[:4] == b"fLaC"
    assert (tmp_path / "out.flac").is_fifo()


def test_what_is_no_sound_in_a_pipe_is_one_line_and_no_output(tmp_path: Path) -> None:
    for content in (b"", b"only text\n" * 100):
        done = lipstream("enhance", "-", "-o", tmp_path / "out.wav", input=content)
        assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
        assert b"lipstream: error: - is not audio that can be read" in done.stderr
    assert names(tmp_path) == []


def test_the_pictures_of_a_pipe_are_told_to_be_lost(tmp_path: Path) -> None:
    write_sample(tmp_path / "in.mkv")
    content = (tmp_path / "in.mkv").read_bytes()
    done = lipstream("enhance", "-", "-o", tmp_path / "out.mkv", input=content)
    assert done.returncode == 2
    assert b"cannot be copied: save it as a file" in done.stderr
    assert lipstream("enhance", "-", "-o", tmp_path / "out.wav", input=content).returncode == 0


def test_a_name_that_is_no_utf8_is_a_name(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    for kind in (b"wav", b"flac"):
        write_sample(tmp_path / f"a.{kind.decode()}")
        os.rename(folder + b"/a." + kind, folder + b"/lat\xe9n." + kind)
    done = lipstream("enhance", folder + b"/lat\xe9n.wav", folder + b"/lat\xe9n.flac", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    assert [json.loads(line)["sample_rate"] for line in done.stdout.splitlines()] == [16_000, 16_000]
    assert os.path.exists(folder + b"/lat\xe9n.enhanced.wav")
    assert os.path.exists(folder + b"/lat\xe9n.enhanced.flac")
    again = lipstream("enhance", folder + b"/lat\xe9n.wav", env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert again.returncode == 2
    assert b"Traceback" not in again.stderr


def test_a_reader_that_goes_away_does_not_end_the_batch(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        write_sample(tmp_path / name)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = lipstream("enhance", tmp_path / "a.wav", tmp_path / "b.wav", stdout=closed)
    assert (done.returncode, done.stderr) == (0, b"")
    assert names(tmp_path) == ["a.enhanced.wav", "a.wav", "b.enhanced.wav", "b.wav"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_behind_stdout_is_told_and_does_not_end_the_batch(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        write_sample(tmp_path / name)
    with Path("/dev/full").open("wb") as full:
        done = lipstream("enhance", tmp_path / "a.wav", tmp_path / "b.wav", stdout=full)
        listed = lipstream("models", stdout=full)
    assert done.returncode == listed.returncode == 2
    for end in (done, listed):
        assert end.stderr.startswith(b"lipstream: error: ")
        assert b"(No space left on device): make room" in end.stderr
        assert end.stderr.count(b"\n") <= 1 + (end is done)
        assert b"Traceback" not in end.stderr
        assert b"Exception ignored" not in end.stderr
    assert names(tmp_path) == ["a.enhanced.wav", "a.wav", "b.enhanced.wav", "b.wav"]


def test_a_list_into_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = lipstream("models", stdout=closed)
    assert done.stderr == b""


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGTERM, "wav"), (signal.SIGHUP, "m4a")])
def test_a_signal_leaves_no_part_behind(number: signal.Signals, kind: str, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", speech_like(300.0, 16_000), 16_000)
    command = [*PROGRAM, "enhance", "long.wav", "-o", f"out.{kind}"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not any(".part" in name for name in names(tmp_path)):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        told = process.communicate(timeout=60)[1]
        assert process.returncode == 128 + number
    assert told == f"lipstream: error: ended by {number.name}\n".encode()
    assert names(tmp_path) == ["long.wav"]

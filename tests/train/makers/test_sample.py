"""A small data set by a program that speaks: here one of a few lines, whose voice is a tone."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream.errors import InputError
from lipstream.train.makers import sample
from lipstream.train.makers.sample import find_program, make_sample
from lipstream.train.plans import SamplePlan

SPEAKS = f"""#!{sys.executable}
import sys, wave
place = sys.argv.index("-w") + 1
tone = bytes(range(0, 250, 5)) * 2000
with wave.open(sys.argv[place], "wb") as file:
    file.setnchannels(1); file.setsampwidth(2); file.setframerate(22050)
    file.writeframes(tone * (2 if "+f" in sys.argv[2] else 1))
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program ``espeak-ng`` that is found."""
    path = tmp_path / "bin" / "espeak-ng"
    path.parent.mkdir()
    path.write_text(SPEAKS)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")
    return path


def quiet(done: float, total: float) -> None:
    assert 0 < done <= total


def test_speakers_have_folders_and_noise_is_of_many_kinds(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "_TAKE_S", 1.0)
    monkeypatch.setattr(sample, "_NOISE_S", 1.0)
    plan = SamplePlan(tmp_path / "made", speakers=2, takes=1, noises=3)
    assert find_program() == str(program)
    speech, noise = make_sample(plan, find_program(), quiet)
    assert sorted(path.relative_to(speech).as_posix() for path in speech.rglob("*.flac")) == [
        "speaker00/00.flac",
        "speaker01/00.flac",
    ]
    sounds = [soundfile.read(path) for path in sorted(noise.glob("*.flac"))]
    assert [rate for _, rate in sounds] == [16_000] * 3
    assert not any(np.array_equal(sounds[0][0], other) for other, _ in sounds[1:])
    again = make_sample(SamplePlan(tmp_path / "again", 2, 1, 3), find_program(), quiet)
    for one, other in zip((speech, noise), again, strict=True):
        for path in one.rglob("*.flac"):
            assert path.read_bytes() == (other / path.relative_to(one)).read_bytes()


def test_a_folder_with_contents_is_left_alone(program: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is there and not empty"):
        make_sample(SamplePlan(tmp_path), str(program), quiet)


def test_a_program_that_does_not_speak_is_told(program: Path, tmp_path: Path) -> None:
    program.write_text("#!/bin/sh\necho 'no voice' >&2\nexit 1\n")
    with pytest.raises(InputError, match=r"does not speak \(no voice\)"):
        make_sample(SamplePlan(tmp_path / "made"), str(program), quiet)


def test_without_a_program_the_way_to_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match=r"install it \(apt install espeak-ng"):
        find_program()


def test_plans_that_leave_nothing_to_hold_out_are_refused(tmp_path: Path) -> None:
    for counts in ((1, 1, 2), (2, 0, 2), (2, 1, 1)):
        with pytest.raises(InputError, match="at least"):
            SamplePlan(tmp_path, *counts)

"""``lipstream calibrate``: what it prints, what it remembers, what it refuses."""

import argparse
from pathlib import Path

import pytest
import soundfile

from lipstream.errors import InputError
from lipstream.stream.calibration import calibration
from lipstream.stream.calibration.offsets import stored_offset
from lipstream.stream.commands.calibrate import add_parsers
from lipstream.stream.lag.estimator import OffsetEstimate

EXAMPLE = Path(__file__).resolve().parents[3] / "demo" / "example.mp4"
SURE = OffsetEstimate(0.0841, 0.33, 0.15, 27.0, ())
UNSURE = OffsetEstimate(-0.0841, 0.12, 0.01, 27.0, ("another offset fits about as well (margin 0.01)",))


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "lipstream" / "cameras.json"


def run(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    add_parsers(parser.add_subparsers())
    args = parser.parse_args(["calibrate", *map(str, arguments)])
    code = args.run(args)
    assert isinstance(code, int)
    return code


@pytest.fixture
def measures(monkeypatch: pytest.MonkeyPatch) -> dict[str, OffsetEstimate]:
    """What a measurement of a camera gives; no microphone is opened."""
    from lipstream.stream.devices import portaudio

    found = {"estimate": SURE}
    monkeypatch.setattr(portaudio, "PortAudioSource", lambda settings: None)
    monkeypatch.setattr(calibration, "calibrate_live", lambda *args: found["estimate"])
    return found


def test_a_sure_result_is_remembered_for_the_camera(
    measures: dict[str, OffsetEstimate], own_settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--camera", "977") == 0
    printed = capsys.readouterr().out
    assert "lips come 84 ms after their sound" in printed
    assert str(own_settings) in printed
    assert stored_offset(977) == pytest.approx(0.0841)


def test_an_unsure_result_is_told_and_not_remembered(
    measures: dict[str, OffsetEstimate], own_settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measures["estimate"] = UNSURE
    assert run("--camera", "977") == 1
    printed = capsys.readouterr()
    assert "ms" not in printed.out, "what was not found is not told"
    assert "another offset fits about as well" in printed.err
    assert not own_settings.exists()


def test_a_recording_is_measured_and_nothing_remembered(
    own_settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples, rate = soundfile.read(EXAMPLE.with_suffix(".flac"))
    soundfile.write(tmp_path / "second.wav", samples[:rate], rate)
    assert run("--video", EXAMPLE, "--audio", tmp_path / "second.wav") == 1
    printed = capsys.readouterr()
    assert "example.mp4: no offset was found" in printed.err
    assert "1 s of sound with a visible mouth" in printed.err
    assert not own_settings.exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--seconds", "5"], "too short"),
        (["--seconds", "nan"], "too short"),
        (["--audio", "talk.wav"], "give that as well"),
        (["--video", "gone.mp4"], "gone.mp4 does not exist"),
        (["--video", EXAMPLE, "--audio", "gone.wav"], "gone.wav: no such file"),
        (["--video", EXAMPLE], "no sound that can be read: give it with --audio"),
        (["--camera", "gone.mp4"], "no index, no URL and no file"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments: list[str | Path], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        run(*arguments)

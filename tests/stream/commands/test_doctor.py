"""``lipstream devices`` and ``lipstream doctor`` as the shell sees them."""

import argparse
import json
from collections.abc import Callable

import pytest

from lipstream.errors import InputError
from lipstream.stream.commands import doctor as doctor_commands
from lipstream.stream.devices import devices as listing
from lipstream.stream.doctor import report as doctor
from lipstream.stream.doctor.check import Check

Run = Callable[..., int]


@pytest.fixture
def run() -> Run:
    parser = argparse.ArgumentParser()
    doctor_commands.add_parsers(parser.add_subparsers())

    def run(*arguments: str) -> int:
        args = parser.parse_args(arguments)
        return int(args.run(args))

    return run


def test_devices_lists_portaudios_and_the_servers(
    sound_server, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("devices") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("><")] == [
        line for line in lines if "ALSA, default: " in line
    ]
    (noisy,) = [line for line in lines if "PulseAudio, noisy.monitor" in line]
    assert "): 1 in, 0 out, 48 kHz (runs at 8, 16" in noisy


def test_devices_as_json_can_be_read(sound_server, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("devices", "--json") == 0
    found = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert found["default"]["default_input"]
    assert found["clean"]["rates"] == list(listing.RATES)
    assert (found["clean"]["inputs"], found["clean"]["outputs"]) == (0, 1)


def test_devices_without_any_says_what_to_do(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(listing, "listed_devices", list)
    with pytest.raises(InputError, match=r"no audio devices: .*plug one in"):
        run("devices")
    assert run("devices", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize(("verdict", "code"), [("ok", 0), ("warn", 0), ("problem", 1)])
def test_doctor_fails_on_problems_only(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verdict: str, code: int
) -> None:
    checks = [Check("sound", verdict, "as it is", "mend it")]  # type: ignore[arg-type]
    monkeypatch.setattr(doctor, "check_audio", lambda: checks)
    monkeypatch.setattr(doctor, "check_video", lambda camera, face_model: [])
    monkeypatch.setattr(doctor, "check_models", list)
    assert run("doctor") == code
    assert capsys.readouterr().out.startswith(f"{verdict:8} sound  as it is\n")
    assert run("doctor", "--json") == code
    report = json.loads(capsys.readouterr().out)
    assert report == {
        "verdict": verdict,
        "checks": [{"name": "sound", "verdict": verdict, "finding": "as it is", "fix": "mend it"}],
    }


def test_doctor_hands_its_options_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def examine(*options: object) -> doctor.Diagnosis:
        asked.append(options)
        return doctor.Diagnosis([Check("nothing", "ok", "found")])

    monkeypatch.setattr(doctor, "diagnose", examine)
    run("doctor", "--camera", "2", "--face-model", "face.task")
    assert [str(option) for option in asked[0]] == ["2", "face.task"]

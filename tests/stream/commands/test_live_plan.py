"""Where the clean voice goes if nobody said so: to other programs, and to loudspeakers only if asked."""

from pathlib import Path
from typing import Any

import pytest

from lipstream import InputError
from lipstream.stream.commands.live_plan import with_output
from lipstream.stream.commands.live_settings import LiveSettings
from lipstream.stream.devices import devices, virtual_device
from lipstream.stream.devices.devices import Device

MICROPHONE = Device(0, "default", "ALSA", 2, 0, 48_000, description="Built-in Microphone")
CABLE = Device(7, "BlackHole 2ch", "Core Audio", 2, 2, 48_000)
PHONES = Device(3, "Headphones", "Core Audio", 0, 2, 48_000)


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What there is: an obstacle to virtual microphones, or none; and devices."""
    there: dict[str, Any] = {"obstacle": "", "devices": [PHONES]}

    def require_virtual_devices() -> None:
        if there["obstacle"]:
            raise InputError(there["obstacle"])

    monkeypatch.setattr(virtual_device, "require_virtual_devices", require_virtual_devices)
    monkeypatch.setattr(devices, "list_devices", lambda server=None: there["devices"])
    monkeypatch.setattr(devices, "find_device", lambda choice, kind: MICROPHONE)
    return there


def planned(settings: LiveSettings, answer: str | None = None) -> tuple[LiveSettings, list[str]]:
    told: list[str] = []
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return answer or ""

    return with_output(settings, told.append, ask if answer is not None else None), told + asked


@pytest.mark.parametrize(
    "settings", [LiveSettings(output="3"), LiveSettings(monitor=True), LiveSettings(virtual_mic="voice")]
)
def test_an_output_that_was_named_is_taken_without_a_word(settings: LiveSettings, system: object) -> None:
    assert planned(settings, answer="n") == (settings, [])


@pytest.mark.parametrize("answer", [None, ""])
def test_where_it_can_be_the_voice_becomes_a_microphone(system: object, answer: str | None) -> None:
    settings, said = planned(LiveSettings(strength="24"), answer)
    assert settings == LiveSettings(strength="24", virtual_mic="lipstream")
    assert "'Virtual microphone lipstream'" in said[-1]
    assert "--monitor" in said[-1]
    assert any("microphone: Built-in Microphone" in line for line in said) == (answer is not None)
    assert any("virtual microphone: can be made" in line for line in said) == (answer is not None)


def test_a_cable_is_taken_where_there_is_one(system: dict[str, Any]) -> None:
    system.update(obstacle="made on Linux only", devices=[PHONES, CABLE])
    settings, said = planned(LiveSettings())
    assert settings.output == "Core Audio, BlackHole 2ch"
    assert "choose its other end" in said[-1]


def test_without_any_only_who_asks_for_it_hears_oneself(system: dict[str, Any]) -> None:
    system["obstacle"] = "made on Linux only"
    assert planned(LiveSettings(), answer="Y")[0].monitor
    for answer in ("", "n", None):
        with pytest.raises(InputError, match=r"made on Linux only; --monitor .*--output"):
            planned(LiveSettings(), answer)


def test_a_file_as_input_is_named(system: object, tmp_path: Path) -> None:
    _, said = planned(LiveSettings(input=str(tmp_path / "in.wav")), answer="")
    assert "microphone: in.wav" in said


def test_nothing_is_told_of_a_voice_where_there_is_no_microphone(
    system: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_device(choice: object, kind: str) -> Device:
        raise InputError(f"there is no {kind} device '{choice}'")

    monkeypatch.setattr(devices, "find_device", find_device)
    told: list[str] = []
    with pytest.raises(InputError, match="no input device 'gone'"):
        with_output(LiveSettings(input="gone"), told.append, None)
    assert told == []

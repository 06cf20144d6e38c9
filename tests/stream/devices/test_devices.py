"""The device that the user means is found by index, name or part of a name; anything unclear is listed."""

import builtins
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from lipstream.errors import InputError
from lipstream.stream.devices import devices
from lipstream.stream.devices.devices import (
    Device,
    extra_settings,
    find_device,
    list_devices,
    require_rate,
    require_server_devices,
)
from lipstream.stream.devices.pulse import pulse_server

MME, WASAPI = 0, 1


class FakePortAudio:
    """What a Windows machine lists: each device once for each host API, and MME's names cut short."""

    class PortAudioError(Exception):
        pass

    def __init__(self, *entries: tuple[str, int, int, int], default: int = 0) -> None:
        self._entries = [
            {
                "index": index,
                "name": name,
                "hostapi": host,
                "max_input_channels": inputs,
                "max_output_channels": outputs,
                "default_samplerate": 44_100.0 if host == MME else 48_000.0,
            }
            for index, (name, host, inputs, outputs) in enumerate(entries)
        ]
        self._default = default

    def query_hostapis(self) -> tuple[dict[str, Any], ...]:
        return ({"name": "MME"}, {"name": "Windows WASAPI"})

    def query_devices(self, kind: str | None = None) -> Any:
        if kind is None:
            return self._entries
        if self._default < 0:
            raise self.PortAudioError("Error querying device -1")
        return self._entries[self._default]

    WasapiSettings = SimpleNamespace


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    fake = FakePortAudio(
        ("Microphone (USB Audio Devi", MME, 2, 0),
        ("Speakers (Realtek)", MME, 0, 2),
        ("Microphone (USB Audio Device)", WASAPI, 1, 0),
        ("Speakers (Realtek)", WASAPI, 0, 2),
        ("Line in (Realtek)", WASAPI, 2, 0),
    )
    monkeypatch.setattr(devices, "load_portaudio", lambda: fake)
    monkeypatch.setattr(devices, "pulse_server", lambda: None)
    return fake


@pytest.mark.parametrize(
    ("choice", "index"),
    [
        (2, 2),
        ("4", 4),
        (" 4 ", 4),
        ("Microphone (USB Audio Devi", 0),
        ("Windows WASAPI, Microphone (USB Audio Device)", 2),
        ("line", 4),
        ("wasapi, mic", 2),
        (None, 0),
    ],
)
@pytest.mark.usefixtures("windows")
def test_an_input_is_chosen(choice: int | str | None, index: int) -> None:
    assert find_device(choice, "input").index == index


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("usb", r"'usb' may be any of 0 'MME, Micro.*'; 2 'Windows WASAPI, Micro.*': name one in full"),
        ("webcam", r"no input device 'webcam': choose one of 0 .*; 2 .*; 4 'Windows WASAPI, Line in"),
        (9, "no input device '9': choose one of"),
        (1, "no input device '1': choose one of"),
        ("Speakers (Realtek)", "no input device 'Speakers"),
        ("-1", "no input device '-1'"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("windows")
def test_what_is_unclear_is_answered_with_the_candidates(choice: int | str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_device(choice, "input")


@pytest.mark.usefixtures("windows")
def test_one_name_under_two_host_apis_needs_the_host_api() -> None:
    with pytest.raises(InputError, match=r"may be any of 1 'MME, Speakers.*; 3 'Windows WASAPI, Speakers"):
        find_device("Speakers (Realtek)", "output")
    assert find_device("MME, Speakers (Realtek)", "output").index == 1


def test_a_machine_without_devices_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "pulse_server", lambda: None)
    monkeypatch.setattr(devices, "load_portaudio", lambda: FakePortAudio(("Speakers", MME, 0, 2)))
    with pytest.raises(InputError, match=r"no audio input device: .*plug one in"):
        find_device(None, "input")


def test_a_system_without_a_default_is_told_the_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "pulse_server", lambda: None)
    monkeypatch.setattr(devices, "load_portaudio", lambda: FakePortAudio(("Mic", MME, 1, 0), default=-1))
    with pytest.raises(InputError, match="no default audio input device: choose one of 0 'MME, Mic'"):
        find_device(None, "input")


def test_a_missing_portaudio_is_told_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def importing(name: str, *rest: Any) -> Any:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", importing)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(InputError, match=r"PortAudio was not found: .*apt install libportaudio2"):
        list_devices()


@pytest.mark.usefixtures("windows")
def test_shared_wasapi_is_asked_to_convert_rates() -> None:
    assert extra_settings(find_device("line", "input")).auto_convert
    assert extra_settings(find_device(0, "input")) is None


def test_sources_and_sinks_of_the_server_are_devices(sound_server) -> None:
    description = "sink_properties=device.description=Headphones"
    sound_server.pactl("load-module", "module-null-sink", "sink_name=phones", "rate=44100", description)
    found = list_devices(pulse_server())
    assert {"pulse", "default", "noisy", "noisy.monitor", "clean.monitor", "virtmic"} <= {
        device.name for device in found
    }
    noisy = find_device("noisy.monitor", "input")
    assert (noisy.route, noisy.host_api, noisy.rate, noisy.inputs) == (
        "noisy.monitor",
        "PulseAudio",
        48_000,
        1,
    )
    assert find_device("noisy", "input") == noisy, "no other input has that in its name"
    assert find_device("noisy", "output").route == "noisy"
    assert find_device("PulseAudio, phones", "output").rate == 44_100
    assert find_device("HEADphones", "output").route == "phones", "by its description"
    with pytest.raises(InputError, match=r"'monitor' may be any of .*'PulseAudio, clean\.monitor'"):
        find_device("monitor", "input")


def test_the_default_is_pinned_to_what_it_is_now(sound_server, monkeypatch: pytest.MonkeyPatch) -> None:
    through = find_device("noisy", "output").index
    for choice in (None, "default", "pulse"):
        device = find_device(choice, "output")
        assert (device.route, device.is_default, device.index) == ("noisy", True, through)
        assert (device.rate, device.outputs) == (48_000, 1), "PortAudio says 44.1 kHz and 32 channels"
    monkeypatch.setenv("PULSE_SINK", "clean")
    device = find_device(None, "output")
    assert (device.route, device.is_default) == ("clean", False), "the environment has chosen"


def test_a_server_that_alsa_has_no_plugin_for_is_told_of(
    private_pulse, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_server_devices()
    monkeypatch.setattr(devices, "_PLUGINS", ())
    with pytest.raises(InputError, match="'clean' is a device of the sound server: install ALSA's plugin"):
        find_device("clean", "output")
    with pytest.raises(InputError, match="ALSA does not reach the sound server: install"):
        require_server_devices()
    with pytest.raises(InputError, match="there is no output device 'elsewhere': choose one of"):
        find_device("elsewhere", "output")


def test_an_impossible_rate_names_the_devices_own(sound_server) -> None:
    device = find_device("noisy.monitor", "input")
    with pytest.raises(InputError, match=r"does not run at 5000000 Hz: .* 48000 Hz"):
        require_rate(device, "input", 5_000_000)


def test_a_device_tells_all_of_itself_for_json() -> None:
    device = Device(3, "Mic", "MME", 1, 0, 44_100)
    assert device.as_dict() == {
        "index": 3,
        "name": "Mic",
        "host_api": "MME",
        "inputs": 1,
        "outputs": 0,
        "rate": 44_100,
        "route": None,
        "description": "",
        "is_default": False,
        "label": "MME, Mic",
    }

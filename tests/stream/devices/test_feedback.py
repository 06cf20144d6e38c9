"""An input that hears the output is refused, however it comes to do so; a microphone never is."""

import pytest

from lipstream.errors import InputError
from lipstream.stream.devices import feedback
from lipstream.stream.devices.devices import Device, find_device
from lipstream.stream.devices.feedback import loudspeaker_warning, refuse_feedback
from lipstream.stream.devices.pulse import PulseDevice, PulseServer


def refused(source: str | None, sink: str | None) -> bool:
    try:
        refuse_feedback(find_device(source, "input"), find_device(sink, "output"))
    except InputError:
        return True
    return False


def test_monitors_and_what_is_remapped_from_them_are_refused(sound_server, monkeypatch) -> None:
    assert refused("clean.monitor", "clean")
    assert refused("virtmic", "clean"), "it is remapped from the monitor"
    assert not refused("noisy.monitor", "clean")
    sound_server.pactl("load-module", "module-remap-source", "master=virtmic", "source_name=twice")
    assert refused("twice", "clean")
    # What the server chooses by itself.
    sound_server.prefer("source", "noisy.monitor")
    sound_server.prefer("sink", "noisy")
    assert refused(None, None)
    assert refused("pulse", "noisy")
    assert not refused(None, "clean")
    # What the environment chooses.
    monkeypatch.setenv("PULSE_SINK", "clean")
    assert not refused(None, None)
    monkeypatch.setenv("PULSE_SOURCE", "clean.monitor")
    assert refused(None, None)


def test_the_message_says_through_what_and_what_to_do(routed_server) -> None:
    with pytest.raises(InputError, match=r"'virtmic' hears .* 'clean' \(the monitor of clean\).*microphone"):
        refuse_feedback(find_device("virtmic", "input"), find_device("clean", "output"))


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback, "pulse_server", lambda: None)


def devices(source: str, sink: str) -> tuple[Device, Device]:
    return Device(0, source, "Core Audio", 2, 0, 48_000), Device(1, sink, "Core Audio", 0, 2, 48_000)


@pytest.mark.usefixtures("no_server")
@pytest.mark.parametrize(
    ("source", "sink"),
    [
        ("BlackHole 2ch", "BlackHole 2ch"),
        ("CABLE Output (VB-Audio Virtual Cable)", "CABLE Input (VB-Audio Virtual Cable)"),
    ],
)
def test_both_ends_of_a_virtual_cable_are_refused(source: str, sink: str) -> None:
    with pytest.raises(InputError, match="a virtual cable"):
        refuse_feedback(*devices(source, sink))


@pytest.mark.usefixtures("no_server")
@pytest.mark.parametrize(
    ("source", "sink"),
    [
        ("MacBook Pro Microphone", "BlackHole 2ch"),
        ("BlackHole 16ch", "BlackHole 2ch"),
        ("USB Headset", "USB Headset"),
    ],
)
def test_a_microphone_and_a_cable_go_together(source: str, sink: str) -> None:
    refuse_feedback(*devices(source, sink))


@pytest.mark.usefixtures("no_server")
def test_loudspeakers_are_warned_of_and_headphones_are_not() -> None:
    assert "use headphones" in str(loudspeaker_warning(*devices("Microphone", "MacBook Pro Speakers")))
    assert loudspeaker_warning(*devices("Microphone", "External Headphones")) is None


def test_the_socket_in_use_tells_a_loudspeaker_too(monkeypatch: pytest.MonkeyPatch) -> None:
    card = PulseDevice("card", "Built-in Audio", 48_000, 2, port="analog-output-speaker")
    microphone = PulseDevice("mic", "Built-in Audio", 48_000, 1, port="analog-input-mic")
    other = PulseDevice("other.monitor", "Monitor of other", 48_000, 2, monitor_of="other")
    server = PulseServer("pulseaudio 16.1", "mic", "card", [microphone, other], [card])
    monkeypatch.setattr(feedback, "pulse_server", lambda: server)
    sink = Device(0, "default", "ALSA", 0, 2, 48_000)
    assert loudspeaker_warning(Device(0, "default", "ALSA", 1, 0, 48_000), sink)
    assert (
        loudspeaker_warning(Device(0, "other.monitor", "PulseAudio", 2, 0, 48_000, "other.monitor"), sink)
        is None
    )

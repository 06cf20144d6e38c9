"""The virtual microphone gives what is played to it, and goes when it should, also after a crash."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lipstream.core.arrays import Float32
from lipstream.errors import InputError
from lipstream.stream.devices.devices import find_device
from lipstream.stream.devices.feedback import refuse_feedback
from lipstream.stream.devices.virtual_device import remove_leftovers
from lipstream.stream.devices.virtual_mic import VirtualMic
from lipstream.tests.stream.waiting import until

UNTIL_KILLED = """
import sys, time
from lipstream.stream.devices.virtual_mic import VirtualMic
with VirtualMic("crashed"):
    print("made", flush=True)
    time.sleep(60)
"""


def tail_of(path: Path) -> Float32:
    """The last 0.2 s of a recording in the making."""
    return np.fromfile(path, np.float32)[-9600:] if path.exists() else np.zeros(0, np.float32)


def test_it_is_there_inside_the_block_only(sound_server) -> None:
    before = sound_server.pactl("list", "short", "modules")
    defaults = sound_server.pactl("get-default-source"), sound_server.pactl("get-default-sink")
    with VirtualMic() as microphone:
        assert microphone.source in sound_server.names("sources")
        assert microphone.sink in sound_server.names("sinks")
        assert (
            sound_server.pactl("get-default-source"),
            sound_server.pactl("get-default-sink"),
        ) == defaults
        assert "Virtual microphone lipstream" in sound_server.pactl("list", "sources")
    assert sound_server.pactl("list", "short", "modules") == before


def test_it_gives_what_is_played_to_it(sound_server, tmp_path: Path) -> None:
    seconds = np.arange(48_000) / 48_000
    with VirtualMic() as microphone:
        recording = sound_server.record(tmp_path / "heard.raw", microphone.source)
        sound_server.play(0.25 * np.sin(2 * np.pi * 440 * seconds).astype(np.float32), sink=microphone.sink)
        # A busy computer has gaps before, and a tail that begins in one does not reach the peak.
        peak = pytest.approx(0.25, rel=0.02)
        assert until(lambda: np.abs(tail_of(tmp_path / "heard.raw")).max(initial=0.0) == peak)
        recording.terminate()
        recording.wait()


def test_reading_ones_own_virtual_microphone_is_refused(sound_server) -> None:
    with VirtualMic("voice") as microphone:
        sink = find_device(microphone.sink, "output")
        with pytest.raises(InputError, match="hears what is played to output 'voice-output'"):
            refuse_feedback(find_device("voice", "input"), sink)
        refuse_feedback(find_device("noisy.monitor", "input"), sink)


def test_what_a_killed_process_leaves_goes_at_the_next_start_and_nothing_else(sound_server) -> None:
    mine = sound_server.pactl("load-module", "module-null-sink", "sink_name=crashed-output2").strip()
    child = subprocess.Popen([sys.executable, "-c", UNTIL_KILLED], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child:
        assert child.stdout.readline() == "made\n"
        with pytest.raises(InputError, match="'crashed' already"), VirtualMic("crashed"):
            pass
        assert remove_leftovers() == 0, "its process lives"
        sound_server.prefer("source", "crashed")
        child.send_signal(signal.SIGKILL)
    assert "crashed" in sound_server.names("sources")
    with VirtualMic():
        assert sound_server.names("sources") >= {"lipstream", "noisy.monitor", "virtmic"}
        assert "crashed" not in sound_server.names("sources")
    assert "crashed-output" not in sound_server.names("sinks")
    assert sound_server.pactl("get-default-source") == "virtmic\n"
    assert mine in sound_server.pactl("list", "short", "modules")
    assert remove_leftovers() == 0


def test_a_default_that_the_user_set_to_it_is_given_back(sound_server) -> None:
    sound_server.prefer("source", "noisy.monitor")
    with VirtualMic() as microphone:
        sound_server.prefer("source", microphone.source)
    assert sound_server.pactl("get-default-source") == "noisy.monitor\n"


def test_a_computer_without_a_sound_card_gets_one_too(sound_server) -> None:
    """The server's stand-in for a missing card goes as soon as there is another sink."""
    if sound_server.name == "pulseaudio":
        sound_server.pactl("load-module", "module-always-sink")
    sound_server.pactl("unload-module", "module-null-sink")
    sound_server.await_names("sinks", {"auto_null"})
    with VirtualMic() as microphone:
        sound_server.await_names("sinks", {microphone.sink})
        assert microphone.source in sound_server.names("sources")
    sound_server.await_names("sinks", {"auto_null"})


def test_a_server_that_dies_takes_it_along_without_a_word(sound_server) -> None:
    with VirtualMic():
        sound_server.kill()
    sound_server.start()
    assert "lipstream" not in sound_server.names("sources")
    with VirtualMic() as microphone:
        assert microphone.source in sound_server.names("sources")


def test_what_a_frozen_server_would_not_remove_goes_at_the_next_start(sound_server) -> None:
    with VirtualMic():
        sound_server.freeze()
    sound_server.thaw()
    assert "lipstream" in sound_server.names("sources")
    assert remove_leftovers() == 1
    assert "lipstream" not in sound_server.names("sources")


def test_without_a_server_it_says_what_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/nobody")
    with pytest.raises(InputError, match="needs PulseAudio, or PipeWire"), VirtualMic(folder=tmp_path):
        pass


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_elsewhere_it_names_the_cable_to_install(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    monkeypatch.setattr(sys, "platform", system)
    with pytest.raises(InputError, match=r"install (BlackHole|VB-CABLE)"), VirtualMic():
        pass


@pytest.mark.parametrize("name", ["", "a b", "x'y", "ü", "a;b"])
def test_a_name_that_the_server_could_misread_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="letters, digits"):
        VirtualMic(name)


@pytest.mark.parametrize(
    ("name", "told"), [("my mic", "use letters, digits"), ("x" * 65, "too long"), ("", "use letters")]
)
def test_a_name_that_a_server_would_refuse_is_refused_before_it_is_asked(name: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        VirtualMic(name)
    assert VirtualMic("x" * 64).name == "x" * 64

"""The virtual microphone gives what is played to it, and goes when it should, also after a crash."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lipstream.errors import InputError
from lipstream.stream.audio.devices import find_device
from lipstream.stream.audio.feedback import refuse_feedback
from lipstream.stream.audio.virtual_mic import VirtualMic, remove_leftovers

UNTIL_KILLED = """
import sys, time
from lipstream.stream.audio.virtual_mic import VirtualMic
with VirtualMic("crashed"):
    print("made", flush=True)
    time.sleep(60)
"""


def names(pulse, what: str) -> set[str]:
    return {line.split("\t")[1] for line in pulse.pactl("list", "short", what).splitlines()}


def test_it_is_there_inside_the_block_only(private_pulse) -> None:
    before = private_pulse.pactl("list", "short", "modules")
    defaults = private_pulse.pactl("get-default-source"), private_pulse.pactl("get-default-sink")
    with VirtualMic() as microphone:
        assert microphone.source in names(private_pulse, "sources")
        assert microphone.sink in names(private_pulse, "sinks")
        assert (
            private_pulse.pactl("get-default-source"),
            private_pulse.pactl("get-default-sink"),
        ) == defaults
        assert "Virtual microphone lipstream" in private_pulse.pactl("list", "sources")
    assert private_pulse.pactl("list", "short", "modules") == before


def test_it_gives_what_is_played_to_it(private_pulse, tmp_path: Path) -> None:
    seconds = np.arange(48_000 * 4) / 48_000
    with VirtualMic() as microphone:
        recording = private_pulse.record(tmp_path / "heard.raw", microphone.source)
        private_pulse.play(0.25 * np.sin(2 * np.pi * 440 * seconds).astype(np.float32), sink=microphone.sink)
        time.sleep(2.5)
        recording.terminate()
        recording.wait()
    heard = np.fromfile(tmp_path / "heard.raw", np.float32)
    assert np.abs(heard[-9600:]).max() == pytest.approx(0.25, rel=0.02)


def test_reading_ones_own_virtual_microphone_is_refused(private_pulse) -> None:
    with VirtualMic("voice") as microphone:
        sink = find_device(microphone.sink, "output")
        with pytest.raises(InputError, match="hears what is played to output 'voice-output'"):
            refuse_feedback(find_device("voice", "input"), sink)
        refuse_feedback(find_device("noisy.monitor", "input"), sink)


def test_what_a_killed_process_leaves_goes_at_the_next_start_and_nothing_else(private_pulse) -> None:
    mine = private_pulse.pactl("load-module", "module-null-sink", "sink_name=crashed-output2").strip()
    child = subprocess.Popen([sys.executable, "-c", UNTIL_KILLED], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child:
        assert child.stdout.readline() == "made\n"
        with pytest.raises(InputError, match="'crashed' already"), VirtualMic("crashed"):
            pass
        assert remove_leftovers() == 0, "its process lives"
        private_pulse.pactl("set-default-source", "crashed")
        child.send_signal(signal.SIGKILL)
    assert "crashed" in names(private_pulse, "sources")
    with VirtualMic():
        assert names(private_pulse, "sources") >= {"lipstream", "noisy.monitor", "virtmic"}
        assert "crashed" not in names(private_pulse, "sources")
    assert "crashed-output" not in names(private_pulse, "sinks")
    assert private_pulse.pactl("get-default-source") == "virtmic\n"
    assert mine in private_pulse.pactl("list", "short", "modules")
    assert remove_leftovers() == 0


def test_a_default_that_the_user_set_to_it_is_given_back(private_pulse) -> None:
    private_pulse.pactl("set-default-source", "noisy.monitor")
    with VirtualMic() as microphone:
        private_pulse.pactl("set-default-source", microphone.source)
    assert private_pulse.pactl("get-default-source") == "noisy.monitor\n"


def test_a_server_that_dies_takes_it_along_without_a_word(private_pulse) -> None:
    with VirtualMic():
        private_pulse.kill()
    private_pulse.start()
    assert "lipstream" not in names(private_pulse, "sources")
    with VirtualMic() as microphone:
        assert microphone.source in names(private_pulse, "sources")


def test_what_a_frozen_server_would_not_remove_goes_at_the_next_start(private_pulse) -> None:
    with VirtualMic():
        private_pulse.freeze()
    private_pulse.thaw()
    assert "lipstream" in names(private_pulse, "sources")
    assert remove_leftovers() == 1
    assert "lipstream" not in names(private_pulse, "sources")


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

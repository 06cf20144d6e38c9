"""PortAudio in one process: lost, restarted and frozen sound servers, and devices that go."""

import subprocess
import sys

import pytest

from lipstream.core.arrays import Float32
from lipstream.errors import InputError
from lipstream.stream.devices.portaudio import PortAudioSink, PortAudioSource, StreamSettings
from lipstream.stream.devices.portaudio_host import refresh_devices
from lipstream.tests.stream.waiting import until


def silence(block: Float32, time_s: float) -> None:
    block.fill(0)


def test_a_killed_server_ends_the_streams_and_a_new_one_takes_them_again(sound_server) -> None:
    heard: list[float] = []
    source = PortAudioSource(StreamSettings("noisy.monitor"))
    sink = PortAudioSink(StreamSettings("clean"))
    source.start(lambda block, time_s: heard.append(time_s))
    sink.start(silence)
    assert until(lambda: len(heard) > 10)
    sound_server.kill()
    assert until(lambda: not source.alive and not sink.alive)
    with pytest.raises(InputError, match=r"noisy\.monitor"):
        source.start(lambda block, time_s: heard.append(time_s))
    source.stop()
    sink.stop()
    sound_server.start()
    assert refresh_devices()
    before = len(heard)
    source.start(lambda block, time_s: heard.append(time_s))
    sink.start(silence)
    assert until(lambda: len(heard) > before + 10)
    assert not refresh_devices(), "devices are open"
    source.stop()
    sink.stop()
    source.stop()


FROZEN = """
import os, signal, sys, time
from lipstream.errors import InputError
from lipstream.stream.devices.portaudio import PortAudioSink, PortAudioSource, StreamSettings
from lipstream.stream.devices.portaudio_host import refresh_devices
source = PortAudioSource(StreamSettings("noisy.monitor"))
sink = PortAudioSink(StreamSettings("clean"))
calls = []
source.start(lambda block, time_s: calls.append(time_s))
sink.start(lambda block, time_s: block.fill(0))
while len(calls) < 10:
    time.sleep(0.05)
os.kill(int(sys.argv[1]), signal.SIGSTOP)
source.stop()
sink.stop()
print("stopped", refresh_devices(), flush=True)
"""


def test_a_frozen_server_holds_neither_stop_nor_the_end_of_the_process(sound_server) -> None:
    command = [sys.executable, "-c", FROZEN, str(sound_server.server_pid)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=90)
    sound_server.thaw()
    assert result.stdout.split() == ["stopped", "False"], result.stderr
    assert result.returncode == 0


def test_an_output_that_is_gone_when_it_is_started_is_named(sound_server) -> None:
    module = sound_server.pactl("load-module", "module-null-sink", "sink_name=fleeting").strip()
    sink = PortAudioSink(StreamSettings("fleeting"))
    sound_server.pactl("unload-module", module)
    with pytest.raises(InputError, match="no output device 'fleeting'"):
        sink.start(silence)
    assert not sink.alive

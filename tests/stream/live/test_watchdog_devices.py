"""The watchdog with real devices: a sound server that is killed, restarted, and changes its default."""

import json
import time
from collections.abc import Callable, Iterator

import pytest

from lipstream.core.arrays import Float32
from lipstream.stream.devices.portaudio import PortAudioSink, PortAudioSource, StreamSettings
from lipstream.stream.devices.portaudio_host import refresh_devices
from lipstream.stream.dsp.clock import MonotonicClock
from lipstream.stream.live.watchdog import Watchdog, WatchdogConfig, Watched


class Devices:
    """Source and sink under watch, and how often they called."""

    def __init__(self, source: str | None, sink: str) -> None:
        self.calls = {"input": 0, "output": 0}
        self.said: list[str] = []
        capture = PortAudioSource(StreamSettings(source))
        render = PortAudioSink(StreamSettings(sink))
        watched = [
            Watched("input", capture, self._capture, capture.current_device),
            Watched("output", render, self._render, render.current_device),
        ]
        config = WatchdogConfig(stall_s=2.5, first_wait_s=0.2, longest_wait_s=0.8, devices_every_s=0.5)
        self.watchdog = Watchdog(
            watched, MonotonicClock(), self.said.append, refresh=refresh_devices, config=config
        )
        self.watchdog.start()

    def _capture(self, block: Float32, time_s: float) -> None:
        self.calls["input"] += 1

    def _render(self, block: Float32, time_s: float) -> None:
        block.fill(0)
        self.calls["output"] += 1

    def until(self, condition: Callable[[], bool], limit_s: float = 60.0) -> bool:
        deadline = time.monotonic() + limit_s
        while not condition() and time.monotonic() < deadline:
            self.watchdog.look()
            time.sleep(0.1)
        return condition()

    def both_call(self) -> bool:
        """Whether both call from now on."""
        before = dict(self.calls)
        return self.until(lambda: all(self.calls[kind] > before[kind] + 5 for kind in before))


@pytest.fixture
def watch(sound_server) -> Iterator[Callable[[str | None, str], Devices]]:
    made: list[Devices] = []

    def make(source: str | None, sink: str) -> Devices:
        made.append(Devices(source, sink))
        return made[-1]

    yield make
    for devices in made:
        devices.watchdog.close()


def test_a_restarted_server_gets_both_devices_back(sound_server, watch) -> None:
    devices = watch("noisy.monitor", "clean")
    assert devices.both_call()
    sound_server.kill()
    assert devices.until(lambda: len(devices.said) == 2)
    assert not devices.until(lambda: devices.watchdog.restarts > 0, limit_s=2.0), "there is no server"
    assert sorted(devices.said) == [
        "input lost (the device is gone): waiting for noisy.monitor",
        "output lost (the device is gone): waiting for clean",
    ]
    sound_server.start()
    assert devices.until(lambda: devices.watchdog.restarts == 2)
    assert devices.both_call()
    assert sorted(devices.said[2:]) == ["input back: noisy.monitor", "output back: clean"]


def test_a_new_default_microphone_is_opened_but_none_that_gives_what_is_played(sound_server, watch) -> None:
    for name in ("first", "second"):
        sound_server.add_microphone(name)
    sound_server.prefer("source", "first")
    devices = watch(None, "clean")
    assert devices.both_call()
    sound_server.prefer("source", "second")
    assert devices.until(lambda: devices.watchdog.restarts == 1)
    assert devices.both_call()
    sound_server.prefer("source", "virtmic")
    assert not devices.until(lambda: len(devices.said) > 1, limit_s=2.0)
    assert len(devices.said) == 1
    assert devices.said[0].startswith("input: the default device is now ")
    sources = json.loads(sound_server.pactl("--format=json", "list", "sources"))
    (second,) = [source["index"] for source in sources if source["name"] == "second"]

    def is_recorded() -> bool:
        outputs = json.loads(sound_server.pactl("--format=json", "list", "source-outputs"))
        return second in [output["source"] for output in outputs]

    # The server may take streams along to a new default at any time; what counts is that they come back.
    assert devices.until(is_recorded), "the server has moved it"


def test_a_source_that_is_unloaded_and_loaded_again_comes_back(sound_server, watch) -> None:
    load = ("load-module", "module-remap-source", "master=noisy.monitor", "source_name=headset")
    module = sound_server.pactl(*load).strip()
    devices = watch("headset", "clean")
    assert devices.both_call()
    sound_server.pactl("unload-module", module)
    assert devices.until(lambda: len(devices.said) == 1)
    sound_server.pactl(*load)
    assert devices.until(lambda: devices.watchdog.restarts == 1)
    assert devices.both_call()
    lost = "input lost (the device is gone): waiting for headset"
    assert devices.said == [lost, "input back: headset"]


def test_a_server_that_freezes_gets_both_devices_back_when_it_goes_on(sound_server, watch) -> None:
    devices = watch("noisy.monitor", "clean")
    assert devices.both_call()
    sound_server.freeze()
    assert devices.until(lambda: len(devices.said) == 2)
    sound_server.thaw()
    assert devices.until(lambda: devices.watchdog.restarts == 2, limit_s=20.0)
    assert devices.both_call()
    assert sorted(devices.said) == [
        "input back: noisy.monitor",
        "input lost (no sound for 2.5 s): waiting for noisy.monitor",
        "output back: clean",
        "output lost (no sound for 2.5 s): waiting for clean",
    ]

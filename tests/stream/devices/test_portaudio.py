"""Real PortAudio on a private PulseAudio: what arrives is what was played."""

import time
from functools import partial
from typing import Any

import numpy as np
import pytest

from lipstream.core.arrays import Float32
from lipstream.errors import InputError
from lipstream.stream.devices.portaudio import PortAudioSink, PortAudioSource, StreamSettings
from lipstream.tests.stream.waiting import until

RATE = 48_000


def tone(hz: float, level: float, seconds: float, rate: int = RATE) -> Float32:
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


class Collector:
    """A `Deliver` that keeps everything."""

    def __init__(self) -> None:
        self.blocks: list[Float32] = []
        self.times: list[float] = []
        self.calls: list[float] = []

    def __call__(self, block: Float32, time_s: float) -> None:
        self.blocks.append(block.copy())
        self.times.append(time_s)
        self.calls.append(time.perf_counter())

    def last(self, seconds: float, rate: int = RATE) -> Float32:
        heard = np.concatenate([np.zeros(rate, np.float32), *self.blocks])
        return heard[-round(seconds * rate) :]

    def hears(self, tone: tuple[float, float], rate: int = RATE) -> bool:
        """Whether the last half second is a tone of this pitch and level: a busy computer has gaps before."""
        if not self.hears_a_tone(rate):
            return False
        hz, level = tone_of(self.last(0.5, rate), rate)
        return bool(abs(hz - tone[0]) <= 2 and abs(level / tone[1] - 1) <= 0.05)

    def hears_a_tone(self, rate: int = RATE) -> bool:
        """Whether most of the last half second is loud; a server begins with a gap."""
        peaks = np.abs(self.last(0.5, rate).reshape(50, -1)).max(axis=1)
        return int(np.count_nonzero(peaks > 0.05)) > 40


class TonePlayer:
    """A `Render` that plays a tone for ever."""

    def __init__(self, hz: float, level: float, rate: int = RATE) -> None:
        self._turn = 2 * np.pi * hz / rate
        self._level = level
        self.played = 0
        self.leads: list[float] = []

    def __call__(self, block: Float32, time_s: float) -> None:
        self.leads.append(time_s - time.perf_counter())
        block[:] = self._level * np.sin(self._turn * (self.played + np.arange(len(block))))
        self.played += len(block)


def tone_of(samples: Float32, rate: int = RATE) -> tuple[float, float]:
    """Frequency in Hz and amplitude of a tone, by medians: a busy machine may lose a block."""
    rising = np.flatnonzero((samples[:-1] < 0) & (samples[1:] >= 0))
    crossings = rising + samples[rising] / (samples[rising] - samples[rising + 1])
    peaks = np.abs(samples[: len(samples) // 50 * 50].reshape(50, -1)).max(axis=1)
    return rate / float(np.median(np.diff(crossings))), float(np.median(peaks))


def test_a_played_tone_arrives_with_its_level_and_pitch(routed_server) -> None:
    heard = Collector()
    source = PortAudioSource(StreamSettings("noisy.monitor"))
    assert (source.info.name, source.info.rate, source.info.block) == ("noisy.monitor", RATE, 480)
    routed_server.play(tone(1000, 0.25, 1))
    source.start(heard)
    assert until(heard.hears_a_tone)
    alive = source.alive
    source.stop()
    assert (alive, source.alive) == (True, False)
    count = len(heard.blocks)
    time.sleep(0.1)
    assert len(heard.blocks) == count
    assert {block.shape for block in heard.blocks} == {(480,)}
    hz, level = tone_of(heard.last(0.5))
    assert hz == pytest.approx(1000, abs=2)
    assert level == pytest.approx(0.25, rel=0.02)
    # Captured before the call, by less than the buffers hold, on the same clock.
    waited = np.subtract(heard.calls, heard.times)[-50:]
    assert 0 <= waited.min() <= waited.max() <= 0.3


def test_what_a_sink_plays_a_source_hears_in_the_same_process(routed_server) -> None:
    heard, player = Collector(), TonePlayer(440, 0.25)
    source = PortAudioSource(StreamSettings("virtmic"))
    sink = PortAudioSink(StreamSettings("clean"))
    sink.start(player)
    source.start(heard)
    assert until(heard.hears_a_tone)
    source.stop()
    sink.stop()
    hz, level = tone_of(heard.last(0.5))
    assert hz == pytest.approx(440, abs=2)
    assert level == pytest.approx(0.25, rel=0.02)
    assert 0 < min(player.leads) <= max(player.leads) < 1


def test_the_default_device_has_its_name_in_the_sound_settings(private_pulse) -> None:
    named = "sink_properties=device.description=Headphones"
    private_pulse.pactl("load-module", "module-null-sink", "sink_name=alsa_output.usb", named)
    private_pulse.prefer("sink", "alsa_output.usb")
    sink = PortAudioSink(StreamSettings())
    assert sink.info.name == "Headphones"
    sink.start(TonePlayer(440, 0.0))
    private_pulse.prefer("sink", "clean")
    assert sink.current_device() == "clean"
    sink.start(TonePlayer(440, 0.0))
    assert sink.info.name == "Null Output"
    sink.stop()


def test_any_rate_and_block_size_will_do(routed_server) -> None:
    routed_server.play(tone(500, 0.25, 1))
    for rate, block in [(16_000, 160), (44_100, 0), (44_100, 333)]:
        heard = Collector()
        source = PortAudioSource(StreamSettings("noisy.monitor", rate=rate, block=block))
        source.start(heard)
        assert until(partial(heard.hears, (500, 0.25), rate))
        source.stop()
        assert block == 0 or {len(each) for each in heard.blocks} == {block}


def test_one_channel_of_several_can_be_chosen(routed_server) -> None:
    routed_server.pactl("load-module", "module-null-sink", "sink_name=pair", "channels=2", "rate=48000")
    module = ["sink_name=right", "master=pair", "channels=1", "remix=no"]
    module += ["master_channel_map=front-right", "channel_map=front-right"]
    routed_server.pactl("load-module", "module-remap-sink", *module)
    routed_server.play(tone(500, 0.25, 1), sink="right")
    left, right = Collector(), Collector()
    sources = [PortAudioSource(StreamSettings("pair.monitor", channel=channel)) for channel in (1, 2)]
    for source, heard in zip(sources, (left, right), strict=True):
        source.start(heard)
    assert until(lambda: right.hears_a_tone() and len(left.blocks) > 50)
    for source in sources:
        source.stop()
    assert tone_of(right.last(0.5))[1] == pytest.approx(0.25, rel=0.02)
    assert np.abs(left.last(0.5)).max() < 0.01
    with pytest.raises(InputError, match="no channel 3, only 2"):
        PortAudioSource(StreamSettings("pair.monitor", channel=3))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 0}, "cannot run at 0 Hz"),
        ({"block": -1}, "block of -1 samples"),
        ({"latency_s": 0.0}, "latency of 0 s"),
        ({"channel": 0}, "channels count from 1"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        StreamSettings(**settings)

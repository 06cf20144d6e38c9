"""Delay and pitch over hours and after stalls, in simulated time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lipstream import Enhancer
from lipstream.core.arrays import Float32
from lipstream.stream.live.buffers.playback import FADE_S
from lipstream.stream.live.pipeline import PipelineConfig
from lipstream.stream.live.simulation import DeviceTiming

Make = Callable[..., Any]

TONE_HZ = 440.0
STALL = (8.0, 10.0)


def sine(hz: float) -> Callable[[npt.NDArray[np.float64]], Float32]:
    return lambda times_s: (0.5 * np.sin(2 * np.pi * hz * times_s)).astype(np.float32)


def frequency(samples: Float32, times_s: npt.NDArray[np.float64], hz: float = TONE_HZ) -> float:
    """Of a tone near this, in Hz, from the slope of its phase."""
    length = len(samples) // 200
    baseband = samples * np.exp(-2j * np.pi * hz * times_s) * 2
    phases = np.unwrap(np.angle(baseband[: 200 * length].reshape(200, length).mean(axis=1)))
    centres_s = times_s[: 200 * length].reshape(200, length).mean(axis=1)
    return hz + float(np.polyfit(centres_s, phases, 1)[0]) / (2 * np.pi)


def click_db(samples: Float32, rate: int, away_hz: float, hz: float = TONE_HZ) -> float:
    """The loudest frame of what is further than this from a tone, over the loudest of all."""
    frame = 1024
    frames = np.lib.stride_tricks.sliding_window_view(samples, frame)[:: frame // 2] * np.blackman(frame)
    power = np.abs(np.fft.rfft(frames)) ** 2
    away = np.abs(np.fft.rfftfreq(frame, 1 / rate) - hz) > away_hz
    return float(10 * np.log10(power[:, away].sum(axis=1).max() / power.sum(axis=1).max()))


def broken_off(samples: Float32, rate: int) -> Float32:
    """The same with the fade into its longest silence cut away."""
    sounding = np.flatnonzero(samples)
    last = sounding[np.argmax(np.diff(sounding))]
    hard = samples.copy()
    hard[last + 1 - round(FADE_S * rate) : last + 1] = 0.0
    return hard


def test_for_an_hour_of_drift_the_delay_stays_and_the_tone_is_clean(
    simulate: Make, slow_rate_enhancer: Enhancer
) -> None:
    ppm, end_s = 200.0, 3_600
    stream = simulate(
        rate=1_000,
        block=400,
        enhancer=slow_rate_enhancer,
        signal=sine(100.0),
        config=PipelineConfig(max_latency_ms=2_000),
        source_timing=DeviceTiming(ppm=ppm / 2, jitter_s=0.008),
        sink_timing=DeviceTiming(ppm=-ppm / 2, jitter_s=0.008),
        keep_from_s=end_s - 600,
    ).run(end_s, tick_s=1.0)
    end = stream.stats[-1]
    assert np.abs(stream.errors_ms(from_s=10)).max() < 12.5
    assert end.drift_ppm == pytest.approx(ppm, abs=80)
    assert end.output_underruns == end.input_overflows == 0
    assert frequency(stream.sink.played, stream.sink.times_s, 100.0) == pytest.approx(100.0, rel=1e-5)
    assert click_db(stream.sink.played, 1_000, away_hz=12, hz=100.0) < -60


@pytest.mark.parametrize("ppm", [200.0, -200.0])
def test_callbacks_in_bursts_do_no_harm(simulate: Make, ppm: float) -> None:
    stream = simulate(
        source_timing=DeviceTiming(ppm=ppm, burst=3, jitter_s=0.001),
        sink_timing=DeviceTiming(jitter_s=0.002),
        keep_from_s=15,
    ).run(25)
    end = stream.stats[-1]
    assert np.abs(stream.errors_ms(from_s=3)).max() < 12.5
    assert end.output_underruns == end.input_overflows == 0
    assert end.drift_ppm == pytest.approx(ppm, abs=40)
    for tenth in np.array_split(np.arange(len(stream.sink.played)), 10):
        pitch = frequency(stream.sink.played[tenth], stream.sink.times_s[tenth])
        assert pitch == pytest.approx(TONE_HZ, rel=5e-4)
    assert click_db(stream.sink.played, 16_000, away_hz=200) < -60


def stalled(simulate: Make, who: str, stall: tuple[float, float] = STALL) -> Any:
    """Fifteen seconds of a stream in which the worker or a device stands still for a while."""
    timing = {
        name: DeviceTiming(ppm=ppm, jitter_s=0.003, stalls=[stall] if name == who else ())
        for name, ppm in (("source", 100.0), ("sink", 0.0))
    }
    stream = simulate(source_timing=timing["source"], sink_timing=timing["sink"])
    return stream.run(15, worker_stalls=[stall] if who == "worker" else ())


@pytest.mark.parametrize("who", ["worker", "source", "sink"])
def test_after_a_stall_the_delay_is_back_within_seconds(simulate: Make, who: str) -> None:
    stream = stalled(simulate, who)
    played, times_s = stream.sink.played, stream.sink.times_s
    assert np.abs(stream.errors_ms(from_s=STALL[1] + 4.5)).max() < 3
    assert stream.stats[-1].output_underruns == 1
    for at_s in (7.0, 14.0):  # the delay itself, from the phase of the tone that is heard
        at = slice(*np.searchsorted(times_s, [at_s, at_s + 0.5]))
        spoken_s = times_s[at] - stream.pipeline.latency.total_ms / 1000
        phase = np.angle(1j * np.sum(played[at] * np.exp(-2j * np.pi * TONE_HZ * spoken_s)))
        assert abs(phase) / (2 * np.pi * TONE_HZ) < 0.001
    if who != "source":  # whose own sound has a hole
        click = click_db(played, 16_000, away_hz=1_000)
        assert click < min(-60, click_db(broken_off(played, 16_000), 16_000, away_hz=1_000) - 30)


def test_sound_that_piled_up_in_a_short_stall_of_the_sink_is_cut_out_once(simulate: Make) -> None:
    stream = stalled(simulate, "sink", (8.0, 8.4))
    assert stream.stats[-1].latency_cuts == 1
    assert stream.stats[-1].output_underruns == 0
    assert np.abs(stream.errors_ms(from_s=11)).max() < 3
    assert click_db(stream.sink.played, 16_000, away_hz=1_000) < -60


def delays_ms(stream: Any) -> Float32:
    """What the program added to each sample, for a stream that hears tenths of its time in seconds."""
    played, times_s = stream.sink.played, stream.sink.times_s
    latency = stream.pipeline.latency
    delays: Float32 = 1000 * (times_s - 10 * played) - latency.input_wait_ms - latency.devices_ms
    return delays[(played > 0) & (times_s > 3.0)]


@pytest.mark.parametrize(
    "stalls", [[(6.0, 6.1)], [(4 + 0.9 * k, 4.2 + 0.9 * k) for k in range(6)]], ids=["once", "on and on"]
)
def test_the_latency_allowed_is_not_passed(simulate: Make, stalls: list[tuple[float, float]]) -> None:
    stream = simulate(
        config=PipelineConfig(max_latency_ms=120),
        sink_timing=DeviceTiming(stalls=stalls),
        signal=lambda times_s: (0.1 * times_s).astype(np.float32),
    ).run(10)
    # But for the cross-fades, in which what was too late fades away.
    assert np.mean(delays_ms(stream) > 120 + 10) < 0.01
    told_ms = [stats.latency.added_ms for stats in stream.stats if stats.latency.known]
    assert 20 < min(told_ms) <= max(told_ms) < 120 + 1
    assert 1 <= stream.stats[-1].latency_cuts <= len(stalls)


def test_what_is_not_known_is_never_told(simulate: Make) -> None:
    """A sink that nobody listens to fetches two seconds at once: no number can be right."""
    stream = simulate(
        sink_timing=DeviceTiming(burst=200), signal=lambda times_s: np.zeros(len(times_s), np.float32)
    ).run(9)
    assert not any(stats.latency.known or stats.fill_ms > -np.inf for stats in stream.stats)
    assert stream.pipeline.latency.known, "what is declared is"
    stream = simulate(sink_timing=DeviceTiming(stalls=[(3.0, 5.0)])).run(7)
    known = [stats.latency.known for stats in stream.stats]
    told = dict(zip(np.round(stream.times_s, 1), known, strict=True))
    assert (told[0.5], told[2.0], told[4.0], told[5.5], told[6.5]) == (False, True, False, False, True)


def test_a_device_that_keeps_running_dry_has_more_audio_buffered(simulate: Make) -> None:
    bursts = DeviceTiming(ppm=100, burst=8)
    stream = simulate(source_timing=bursts).run(20)
    assert stream.stats[-1].target_ms > stream.stats[0].target_ms + 10
    assert stream.stats[-1].output_underruns == stream.stats[150].output_underruns


def test_a_worker_that_is_held_up_again_and_again_is_waited_for_after_two_underruns(simulate: Make) -> None:
    stalls = [(float(second), second + 0.09) for second in range(5, 60, 5)]
    stream = simulate().run(60, worker_stalls=stalls)
    assert stream.stats[-1].output_underruns <= 3
    assert stream.stats[-1].target_ms < stream.stats[0].target_ms + 90


def test_two_ends_of_one_clock_need_no_learning(simulate: Make) -> None:
    timing = DeviceTiming(ppm=300, jitter_s=0.003)
    stream = simulate(source_timing=timing, sink_timing=timing, sink_clock="microphone's", keep_from_s=5).run(
        15
    )
    assert stream.stats[-1].drift_ppm == 0
    assert np.abs(stream.errors_ms(from_s=5)).max() < 1
    assert stream.stats[-1].output_underruns == 0
    assert click_db(stream.sink.played, 16_000, away_hz=200) < -60

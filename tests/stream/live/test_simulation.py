"""Simulated devices keep their clocks, deliver what sounded when, and misbehave as told."""

from functools import partial

import numpy as np
import numpy.typing as npt
import pytest

from lipstream.core.arrays import Float32
from lipstream.stream.devices.endpoints import EndpointInfo
from lipstream.stream.dsp.clock import ManualClock
from lipstream.stream.live.simulation import DeviceTiming, SimulatedSink, SimulatedSource

INFO = EndpointInfo("device", 8_000, 80, 0.02, "clock")


def clockwork(times_s: npt.NDArray[np.float64]) -> Float32:
    return times_s.astype(np.float32)


def remember(stamps_s: list[float], block: Float32, time_s: float) -> None:
    stamps_s.append(time_s)


def callbacks(device: SimulatedSource | SimulatedSink, clock: ManualClock, until_s: float) -> list[float]:
    """Lets it run and gives the times of its callbacks."""
    times_s = []
    while device.next_s < until_s:
        clock.advance_to(device.next_s)
        times_s.append(clock.now())
        device.fire()
    return times_s


@pytest.mark.parametrize("ppm", [0.0, 500.0])
def test_a_source_hears_the_true_time_at_its_own_rate(ppm: float) -> None:
    clock = ManualClock()
    source = SimulatedSource(INFO, clock, clockwork, DeviceTiming(ppm=ppm))
    heard: list[Float32] = []
    stamps_s: list[float] = []

    def deliver(block: Float32, time_s: float) -> None:
        heard.append(block)
        stamps_s.append(time_s)

    source.start(deliver)
    times_s = callbacks(source, clock, 2.0)
    np.testing.assert_allclose(np.diff(times_s), 0.01 / (1 + 1e-6 * ppm))
    np.testing.assert_allclose(np.array(times_s) - stamps_s, INFO.latency_s)
    np.testing.assert_allclose([block[-1] for block in heard], stamps_s, atol=1e-6)
    source.stop()
    assert not callbacks(source, clock, 3.0)


def test_a_source_is_alive_from_start_to_stop() -> None:
    source = SimulatedSource(INFO, ManualClock(), clockwork)
    states = [source.alive]
    for change in (lambda: source.start(lambda block, time_s: None), source.stop, source.stop):
        change()
        states.append(source.alive)
    assert states == [False, True, False, False]


def test_a_burst_of_a_source_waits_for_its_last_block_and_of_a_sink_comes_with_its_first() -> None:
    clock = ManualClock()
    source = SimulatedSource(INFO, clock, clockwork, DeviceTiming(burst=3))
    source.start(lambda block, time_s: None)
    np.testing.assert_allclose(callbacks(source, clock, 0.06), [0.05] * 3)
    sink = SimulatedSink(INFO, clock, DeviceTiming(burst=3))
    sink.start(lambda block, time_s: None)
    np.testing.assert_allclose(callbacks(sink, clock, 0.11), [0.06] * 3 + [0.09] * 3)


def test_a_stall_leaves_a_hole_of_its_length() -> None:
    clock = ManualClock()
    sink = SimulatedSink(INFO, clock, DeviceTiming(stalls=[(0.5, 1.5)]))
    sink.start(lambda block, time_s: block.fill(1))
    times_s = callbacks(sink, clock, 2.0)
    assert np.diff(times_s).max() == pytest.approx(1.01)
    assert len(sink.played) == len(sink.times_s) == 80 * len(times_s)
    assert sink.times_s[0] == pytest.approx(0.03)


def test_late_callbacks_stay_in_order_and_say_the_true_time_or_their_own() -> None:
    for stamped in (True, False):
        clock = ManualClock()
        sink = SimulatedSink(INFO, clock, DeviceTiming(jitter_s=0.05, stamped=stamped))
        stamps_s: list[float] = []
        sink.start(partial(remember, stamps_s))
        times_s = callbacks(sink, clock, 2.0)
        assert (np.diff(times_s) >= 0).all()
        assert np.ptp(np.diff(times_s)) > 0.02
        expected = 0.03 + 0.01 * np.arange(len(stamps_s)) if stamped else times_s
        np.testing.assert_allclose(stamps_s, expected)

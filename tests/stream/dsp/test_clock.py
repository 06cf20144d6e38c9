"""Loops that learn a device's clock: exact on exact callbacks, smooth on jitter, quick after a step."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream.stream.dsp.clock import DelayLockedLoop, ManualClock, MonotonicClock

RATE = 48_000
BLOCK = 480


def feed(loop: DelayLockedLoop, rate: float, from_s: float, to_s: float, start_count: int = 0) -> int:
    """Callbacks of a device at a true rate, late by up to 5 ms; gives the count reached."""
    random = np.random.default_rng(1)
    for count in range(start_count + BLOCK, start_count + int((to_s - from_s) * rate), BLOCK):
        loop.update(from_s + (count - start_count) / rate + 0.005 * random.random(), count)
    return count


def test_it_answers_nothing_before_the_first_callback() -> None:
    loop = DelayLockedLoop(RATE)
    assert loop.samples_at(1.0) == 0
    assert loop.rate == pytest.approx(RATE)
    assert not loop.settled(1.0)


@settings(deadline=None)
@given(st.integers(1, 4_000), st.floats(-1e-3, 1e-3))
def test_exact_callbacks_give_an_exact_answer_for_blocks_of_any_length(block: int, drift: float) -> None:
    loop, rate = DelayLockedLoop(RATE), RATE * (1 + drift)
    for count in range(0, 60 * block, block):
        loop.update(7 + count / rate, count)
    assert loop.samples_at(7 + 60 * block / rate) == pytest.approx(60 * block, abs=1 + 2e-3 * block)


def test_it_tells_when_a_count_will_be_reached() -> None:
    loop = DelayLockedLoop(RATE)
    assert loop.time_of(0) < 0, "long past, before the first callback"
    count = feed(loop, RATE * 1.0001, 3, 20)
    for ahead in (0, BLOCK, 5_000):
        assert loop.samples_at(loop.time_of(count + ahead)) == pytest.approx(count + ahead)


@pytest.mark.parametrize("ppm", [-200, 0, 200])
def test_jitter_averages_out_and_the_rate_is_learned(ppm: float) -> None:
    loop, rate = DelayLockedLoop(RATE), RATE * (1 + 1e-6 * ppm)
    feed(loop, rate, 0, 40)
    assert loop.settled(40.0)
    assert loop.rate / RATE - 1 == pytest.approx(1e-6 * ppm, abs=50e-6)
    mean_lateness_s = 0.0025
    assert loop.samples_at(40 + mean_lateness_s) == pytest.approx(40 * rate, abs=0.0005 * RATE)


def test_one_late_callback_moves_nothing() -> None:
    loop = DelayLockedLoop(RATE)
    count = feed(loop, RATE, 0, 10)
    before = loop.samples_at(20.0)
    loop.update(10.1, count + BLOCK)
    assert loop.samples_at(20.0) == pytest.approx(before)


def test_a_device_that_stood_still_is_found_again_within_a_second_at_its_learned_rate() -> None:
    loop, rate = DelayLockedLoop(RATE), RATE * 1.0002
    count = feed(loop, rate, 0, 30)
    assert not loop.settled(31.0)
    feed(loop, rate, 32, 33.3, start_count=count)
    assert loop.settled(33.3)
    assert loop.samples_at(33.3) == pytest.approx(count + 1.3 * rate, abs=0.006 * RATE)
    assert loop.rate / RATE == pytest.approx(1.0002, abs=3e-3)


def test_seconds_of_sound_fetched_at_once_teach_nothing() -> None:
    loop = DelayLockedLoop(RATE)
    for wake_s in (0.0, 2.0, 4.0):  # as a sink does that nobody listens to
        for count in range(round(wake_s) * RATE, round(wake_s + 2) * RATE, BLOCK):
            loop.update(wake_s + 1e-9 * count, count)
        assert not loop.settled(wake_s + 0.1)


def test_a_step_too_small_to_be_a_stall_is_followed_too() -> None:
    loop = DelayLockedLoop(RATE)
    count = feed(loop, RATE, 0, 10)
    feed(loop, RATE, 10.06, 12, start_count=count)
    assert loop.samples_at(12.0) == pytest.approx(count + 1.94 * RATE, abs=0.006 * RATE)


def test_simulated_time_moves_only_forward_and_only_when_told() -> None:
    clock = ManualClock(3.0)
    clock.sleep(0.5)
    clock.advance_to(2.0)
    assert clock.now() == 3.5
    clock.advance_to(4.0)
    assert clock.now() == 4.0


def test_the_real_clock_is_the_one_of_the_camera_and_the_devices() -> None:
    clock = MonotonicClock()
    before = time.perf_counter()
    clock.sleep(0.001)
    assert before + 0.001 <= clock.now() <= time.perf_counter()

"""Delays are found whatever else an enhancer does to the sound, and rates are changed in place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, lfilter

from lipstream.bench.systems.peers.system import MAX_LAG_S, find_lag, in_place, resampled, with_tail

RATE = 16_000


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(count).astype(np.float32)


@settings(deadline=None, max_examples=25)
@given(lag=st.integers(0, round(MAX_LAG_S * RATE)), gain=st.floats(1e-3, 1e3))
def test_the_delay_of_an_attenuated_and_distorted_wave_is_found(lag: int, gain: float) -> None:
    wave = with_tail(noise(6_000), RATE)
    late = np.concatenate([np.zeros(lag, np.float32), gain * np.tanh(wave)])[: wave.size]
    assert find_lag([(wave, late)], RATE) == lag


def test_one_recording_that_misleads_is_outvoted() -> None:
    waves = [with_tail(noise(4_000, seed), RATE) for seed in range(4)]
    lags = [400, 400, 400, 77]
    pairs = [(wave, np.roll(wave, lag)) for wave, lag in zip(waves, lags, strict=True)]
    assert find_lag(pairs, RATE) == 400


def test_a_band_limited_output_is_placed_to_the_sample() -> None:
    wave = with_tail(noise(20_000), RATE)
    speech = lfilter(*butter(2, [300, 3_000], "bandpass", fs=RATE), wave).astype(np.float32)
    assert find_lag([(speech, np.roll(speech, 384))], RATE) == 384


def test_silence_has_no_delay() -> None:
    silence = np.zeros(8_000, np.float32)
    assert find_lag([(silence, silence)], RATE) == 0


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_another_rate_and_back_leaves_sound_where_it_was(rate: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)
    there = resampled(tone, RATE, rate)
    assert there.size == rate
    back = in_place(resampled(there, rate, RATE), 0, tone.size)
    np.testing.assert_allclose(back[500:-500], tone[500:-500], atol=1e-3)


def test_taking_the_delay_out_keeps_the_length() -> None:
    wave = np.arange(1, 6, dtype=np.float32)
    np.testing.assert_array_equal(in_place(wave, 2, 5), [3, 4, 5, 0, 0])
    np.testing.assert_array_equal(in_place(wave, 1, 3), [2, 3, 4])

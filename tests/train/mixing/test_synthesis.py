"""Noise from formulas: finite, of the right length, decided by the generator, and of several kinds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfilt

from lipstream.train.data.recordings import SAMPLE_RATE
from lipstream.train.mixing.synthesis import crockery, diffuse, shape_spectrum, synthetic_noise


@settings(max_examples=60, deadline=None)
@given(length=st.integers(2000, 40000), seed=st.integers(0, 2**32))
def test_noise_is_finite_audible_and_as_long_as_asked(length: int, seed: int) -> None:
    noise = synthetic_noise(length, np.random.default_rng(seed))
    assert noise.shape == (length,)
    assert noise.dtype == np.float32
    assert np.isfinite(noise).all()
    assert np.std(noise) > 0


def test_the_generator_decides_the_noise() -> None:
    first, again, other = (synthetic_noise(8000, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_noises_differ_in_colour_and_in_how_sudden_they_are() -> None:
    noises = [synthetic_noise(32000, np.random.default_rng(seed)) for seed in range(40)]
    crests = [np.abs(noise).max() / np.std(noise) for noise in noises]
    assert min(crests) < 4.5  # hums and steady noise
    assert max(crests) > 10  # clicks
    spectra = [np.abs(np.fft.rfft(noise)) ** 2 for noise in noises]
    low_shares = [spectrum[:2000].sum() / spectrum.sum() for spectrum in spectra]
    assert min(low_shares) < 0.1
    assert max(low_shares) > 0.9


def test_shaping_filters_by_up_to_12_db_and_smoothly() -> None:
    rng = np.random.default_rng(0)
    sound = rng.standard_normal(16000).astype(np.float32)
    shaped = shape_spectrum(sound, rng)
    gain = np.fft.rfft(shaped)[1:-1] / np.fft.rfft(sound)[1:-1]
    gain_db = 20 * np.log10(np.abs(gain))
    assert shaped.dtype == np.float32
    assert np.abs(gain_db).max() < 12.1
    assert np.ptp(gain_db) > 3
    assert np.abs(np.diff(gain_db)).max() < 1.0
    assert np.abs(gain.imag).max() == pytest.approx(0.0, abs=1e-2)  # no delay


def levels_db(x: np.ndarray) -> np.ndarray:
    """Level of each 50 ms."""
    frames = x[: len(x) // 800 * 800].reshape(-1, 800)
    return 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_a_large_room_spreads_a_click_over_its_decay_and_is_longer_below_than_above(seed: int) -> None:
    click = np.zeros(3 * SAMPLE_RATE, np.float32)
    click[SAMPLE_RATE] = 1.0
    tail = diffuse(click, np.random.default_rng(seed))
    assert tail.dtype == np.float32
    assert len(tail) == len(click)
    filters = (butter(4, 2000, kind, fs=SAMPLE_RATE, output="sos") for kind in ("low", "high"))
    low, high = (levels_db(sosfilt(sos, tail)) for sos in filters)
    begun, later = 20, 25
    assert 8 < low[begun] - low[later] < 50, "0.25 s at 0.4 to 1.4 s for 60 dB, give or take"
    assert high[begun] - high[later] > low[begun] - low[later]
    assert levels_db(tail)[10] < levels_db(tail)[begun] - 60, "nothing before the click"


def test_a_room_that_is_never_entered_rings_from_the_start() -> None:
    steady = np.sin(2 * np.pi * 440 * np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    levels = levels_db(diffuse(steady, np.random.default_rng(1)))
    assert np.ptp(levels) < 3


def test_crockery_is_sparse_and_high() -> None:
    rng = np.random.default_rng(3)
    heard = np.concatenate([crockery(SAMPLE_RATE, rng) for _ in range(8)])
    levels = levels_db(heard / np.std(heard))
    assert np.max(levels) - np.median(levels) > 10
    energy = np.abs(np.fft.rfft(heard)) ** 2
    above_1_khz = len(energy) // 8
    assert energy[above_1_khz:].sum() > 0.7 * energy.sum()

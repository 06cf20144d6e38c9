"""Noise from formulas: finite, of the right length, decided by the generator, and of several kinds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream.train.mixing.synthesis import shape_spectrum, synthetic_noise


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

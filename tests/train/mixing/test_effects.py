"""What a microphone does to sound."""

import numpy as np
import pytest

from lipstream.train.data.recordings import SAMPLE_RATE
from lipstream.train.mixing.effects import overload, rms, tilt, with_pauses


def tone(hertz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)


@pytest.mark.parametrize(("hertz", "octaves"), [(1000, 0), (2000, 1), (4000, 2), (250, -2), (125, -3)])
def test_a_tilt_is_so_many_db_an_octave_around_1_khz(hertz: float, octaves: int) -> None:
    x = tone(hertz)
    for slope in (-3.0, 2.0):
        assert 20 * np.log10(rms(tilt(x, slope)) / rms(x)) == pytest.approx(slope * octaves, abs=0.01)


def test_rumble_is_not_raised_without_end() -> None:
    x = tone(2)
    assert 20 * np.log10(rms(tilt(x, -3.0)) / rms(x)) < 13


def test_no_tilt_changes_nothing() -> None:
    x = np.random.default_rng(0).standard_normal(1001).astype(np.float32)
    np.testing.assert_allclose(tilt(x, 0.0), x, atol=1e-6)


def test_overload_cuts_peaks_and_nothing_else() -> None:
    x = tone(100)
    cut = overload(x, 6.0)
    limit = 10 ** (-6 / 20)
    assert np.abs(cut).max() == pytest.approx(limit)
    below = np.abs(x) < limit
    np.testing.assert_array_equal(cut[below], x[below])
    np.testing.assert_array_equal(overload(x, 0.0), x)
    assert not overload(np.zeros(5, np.float32), 6.0).any()


def test_pauses_silence_stretches_and_leave_the_rest_as_it_was() -> None:
    silent = 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        speech = rng.standard_normal(3 * SAMPLE_RATE).astype(np.float32)
        paused = with_pauses(speech, (0.3, 0.9), rng)
        gone = np.abs(paused) < 1e-6
        assert np.mean(np.isclose(paused, speech, atol=1e-6) | gone) > 0.9  # but for fades
        silent += gone.sum() > 0.2 * SAMPLE_RATE
    assert silent > 40


def test_speech_that_pauses_would_leave_nothing_of_stays() -> None:
    speech = np.random.default_rng(1).standard_normal(SAMPLE_RATE // 2).astype(np.float32)
    paused = with_pauses(speech, (30.0, 30.0), np.random.default_rng(2))
    np.testing.assert_array_equal(paused, speech)

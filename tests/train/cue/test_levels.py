"""What a cue foretells: levels of four bands and of all, 25 a second."""

from collections.abc import Callable

import numpy as np
import pytest

from lipstream.core.arrays import Float32
from lipstream.train.cue.levels import RANGE_DB, band_levels, true_cue

SAMPLE_RATE = 16000


def tone(hz: float, seconds: float = 1.0) -> Float32:
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.sin(2 * np.pi * hz * time_s).astype(np.float32)


@pytest.mark.parametrize(("hz", "band"), [(300, 0), (1000, 1), (2500, 2), (5000, 3)])
def test_a_tone_is_loud_in_its_band_and_in_all(hz: float, band: int) -> None:
    levels = band_levels(np.float32(0.1) * tone(hz))[5]
    assert np.argmax(levels[:4]) == band
    assert levels[4] == pytest.approx(levels[band], abs=0.1)
    assert levels[band] - np.sort(levels[:4])[-2] > 20


def test_there_are_25_a_second_of_whole_ticks() -> None:
    assert band_levels(tone(300, 1.03)).shape == (25, 5)
    assert true_cue(tone(300, 0.03)).shape == (0, 5)


def test_a_level_is_of_the_sound_about_its_tick() -> None:
    sound = np.zeros(SAMPLE_RATE, np.float32)
    sound[10 * 640 : 12 * 640] = tone(300, 0.08)
    loud = np.flatnonzero(band_levels(sound)[:, 0] > band_levels(sound)[:, 0].max() - 6)
    assert loud.tolist() == [10, 11]


def test_ten_times_louder_is_the_same_cue(make_speech: Callable[[float, int], Float32]) -> None:
    sound = make_speech(1.0, 0)
    np.testing.assert_allclose(true_cue(0.1 * sound), true_cue(sound), atol=1e-3)


def test_silence_is_no_lower_than_the_range() -> None:
    sound = tone(300)
    sound[8000:] = 0.0
    assert np.ptp(band_levels(sound)[:, 4]) == pytest.approx(RANGE_DB, abs=1e-3)


def test_a_cue_is_relative_to_its_mean_in_units_of_10_db() -> None:
    sound = tone(300)
    sound[8000:] *= 10 ** (-20 / 20)
    cue = true_cue(sound)
    np.testing.assert_allclose(cue.mean(0), 0.0, atol=1e-5)
    assert cue[5, 4] - cue[20, 4] == pytest.approx(2.0, abs=0.05)


def test_digital_silence_is_a_cue_of_zeros() -> None:
    assert not true_cue(np.zeros(SAMPLE_RATE, np.float32)).any()

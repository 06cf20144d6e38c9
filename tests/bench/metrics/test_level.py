"""The level of active speech, and what an enhancer makes of it."""

import math

import numpy as np
import pytest

from lipstream.bench.metrics.level import (
    MOST_ATTENUATION_DB,
    active_level_db,
    attenuation_db,
    level_error_db,
    over_suppressed_percent,
    projected_gain_db,
)


@pytest.fixture
def speech() -> np.ndarray:
    """Half a second of sound, and half a second of a hiss 60 dB below it."""
    noise = np.random.default_rng(0).standard_normal(16000)
    noise[8000:] *= 1e-3
    return 0.1 * noise


@pytest.mark.parametrize("gain_db", [-6.0, 0.0, 3.0])
def test_a_gain_is_its_own_level_error(speech: np.ndarray, gain_db: float):
    assert level_error_db(speech, 10 ** (gain_db / 20) * speech) == pytest.approx(gain_db)


def test_pauses_do_not_count(speech: np.ndarray):
    louder_pause = speech.copy()
    louder_pause[8192:] *= 100
    assert level_error_db(speech, louder_pause) == pytest.approx(0.0, abs=1e-9)


def test_speech_turned_off_for_half_of_its_time_has_lost_half_of_its_level(speech: np.ndarray):
    halved = speech.copy()
    halved[: 256 * 16] = 0.0  # 16 of the 32 frames, the last of which is partly a pause
    lost = np.sum(speech[: 256 * 16] ** 2) / np.sum(speech[: 256 * 32] ** 2)
    assert level_error_db(speech, halved) == pytest.approx(10 * math.log10(1 - lost), abs=1e-6)


@pytest.mark.parametrize("samples", [0, 255])
def test_less_than_a_frame_has_no_level(samples: int):
    assert math.isnan(level_error_db(np.ones(samples), np.ones(samples)))


def test_silence_has_no_level(speech: np.ndarray):
    assert math.isnan(level_error_db(speech, np.zeros_like(speech)))


@pytest.mark.parametrize("level_db", [-6.0, -50.0, -90.0])
def test_the_active_level_of_steady_sound_is_its_level(level_db: float):
    sound = np.sin(0.1 * np.arange(160000)) * math.sqrt(2) * 10 ** (level_db / 20)
    assert active_level_db(sound) == pytest.approx(level_db, abs=0.1)


def test_pauses_lower_the_active_level_by_the_hangover_alone():
    bursts = np.tile(np.repeat([1.0, 1e-3], 16000), 4) * np.random.default_rng(1).standard_normal(128000)
    # Each second of sound counts as 1.2 s, and as what the envelope takes to fall by the margin.
    assert active_level_db(bursts) == pytest.approx(-10 * math.log10(1.2), abs=0.4)


def test_silence_has_no_active_level():
    assert math.isnan(active_level_db(np.zeros(16000)))
    assert math.isnan(active_level_db(np.zeros(0)))


def test_a_frame_that_is_muted_is_over_suppressed_and_one_that_is_softer_is_not(speech: np.ndarray):
    given = speech.copy()
    given[: 256 * 8] *= 0.1  # 8 of 31 frames of speech, and a quarter of one, by 20 dB
    given[256 * 8 : 256 * 16] *= 0.5
    assert over_suppressed_percent(speech, given) == pytest.approx(100 * 8 / 32)
    assert over_suppressed_percent(speech, np.zeros_like(speech)) == 100.0
    assert over_suppressed_percent(speech, speech) == 0.0


def test_what_is_taken_from_pauses_is_not_over_suppressed(speech: np.ndarray):
    muted = speech.copy()
    muted[8192:] = 0.0
    assert over_suppressed_percent(speech, muted) == 0.0


def test_silence_holds_nothing_to_over_suppress():
    assert math.isnan(over_suppressed_percent(np.zeros(1000), np.ones(1000)))


def test_the_projected_gain_leaves_noise_out(speech: np.ndarray):
    noise = np.random.default_rng(3).standard_normal(speech.size)
    noise -= (noise @ speech) / (speech @ speech) * speech
    assert projected_gain_db(speech, 0.5 * speech + noise) == pytest.approx(20 * math.log10(0.5))
    assert math.isnan(projected_gain_db(speech, noise * 0))
    assert math.isnan(projected_gain_db(speech, -speech))


def test_attenuation_is_of_what_remains_after_the_first_second() -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(48000).astype(np.float32)
    left = 0.1 * noise
    left[:16000] = noise[:16000]
    assert attenuation_db(noise, left) == pytest.approx(20.0, abs=1e-3)
    assert attenuation_db(noise, noise) == 0.0
    assert attenuation_db(noise, 0.0 * noise) == MOST_ATTENUATION_DB
    assert math.isnan(attenuation_db(0.0 * noise, noise))

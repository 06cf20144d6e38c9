"""The level error of active speech."""

import math

import numpy as np
import pytest

from lipstream.bench.level import level_error_db


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

"""Whispers made of voiced speech."""

from collections.abc import Callable

import numpy as np
import pytest

from lipstream.bench.data.whisper import whisper
from lipstream.bench.metrics.level import level_error_db
from lipstream.errors import InputError

MakeSpeech = Callable[[float], np.ndarray]


@pytest.fixture(scope="module")
def speech(speech_like: MakeSpeech) -> np.ndarray:
    return speech_like(3.0)


def periodicity(wave: np.ndarray) -> float:
    """The highest autocorrelation at lags of 80 to 400 Hz over that at 0, in the middle of a syllable."""
    frame = wave[1400:2600].astype(np.float64)
    lags = np.correlate(frame, frame, "full")[frame.size - 1 :]
    return float(lags[40:200].max() / lags[0])


def third_octaves_db(wave: np.ndarray) -> np.ndarray:
    """Mean levels in bands between 200 Hz and 6.4 kHz."""
    power = np.abs(np.fft.rfft(wave)) ** 2
    edges = (np.geomspace(200, 6400, 16) * wave.size / 16000).astype(int)
    return 10 * np.log10(np.add.reduceat(power, edges)[:-1])


def test_a_whisper_has_the_envelope_of_the_speech(speech: np.ndarray):
    difference = third_octaves_db(whisper(speech)) - third_octaves_db(speech)
    assert np.abs(difference).max() < 3.0
    assert level_error_db(speech, whisper(speech)) == pytest.approx(0.0, abs=0.7)


def test_a_whisper_has_no_pitch(speech: np.ndarray):
    assert periodicity(speech) > 0.7
    assert periodicity(whisper(speech)) < 0.4


def test_pauses_stay_pauses(speech: np.ndarray):
    paused = speech.copy()
    paused[16000:32000] = 0.0
    assert np.abs(whisper(paused)[16512:31488]).max() < 1e-4 * np.abs(speech).max()


def test_the_same_seed_gives_the_same_whisper(speech: np.ndarray):
    np.testing.assert_array_equal(whisper(speech), whisper(speech))
    assert not np.array_equal(whisper(speech), whisper(speech, seed=1))


def test_silence_whispers_nothing():
    assert np.abs(whisper(np.zeros(16000, np.float32))).max() < 1e-9


def test_less_than_a_frame_is_refused(speech: np.ndarray):
    with pytest.raises(InputError, match="too short"):
        whisper(speech[:511])

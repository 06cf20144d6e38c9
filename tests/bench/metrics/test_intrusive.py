"""The scores: hand-computed values, identity, order, and recordings that cannot be scored."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream.bench.metrics import SAMPLE_RATE, estoi, pesq_wb, score, si_sdr
from lipstream.bench.metrics.intrusive import PESQ_MAX_SAMPLES, SI_SDR_LIMIT_DB
from lipstream.errors import InputError

MakeSpeech = Callable[[float], np.ndarray]


def noise(size: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(size).astype(np.float32)


def test_si_sdr_equals_a_hand_computed_value():
    reference = np.array([1.0, -1.0, 1.0, -1.0], dtype=np.float32)
    orthogonal = np.array([1.0, 1.0, -1.0, -1.0], dtype=np.float32)
    assert si_sdr(reference, 2 * reference + orthogonal) == pytest.approx(10 * math.log10(16 / 4))


@settings(max_examples=30, deadline=None)
@given(gain=st.floats(1e-3, 1e3), offset=st.floats(-1.0, 1.0))
def test_si_sdr_ignores_gain_and_offset(gain: float, offset: float):
    reference, disturbance = noise(2000, 1).astype(np.float64), noise(2000, 2)
    estimate = reference + 0.3 * disturbance
    assert si_sdr(reference, gain * estimate + offset) == pytest.approx(si_sdr(reference, estimate), abs=1e-6)


def test_si_sdr_is_limited_at_both_ends():
    reference = np.tile(np.array([1.0, -1.0], dtype=np.float32), 50)
    orthogonal = np.tile(np.array([1.0, 1.0, -1.0, -1.0], dtype=np.float32), 25)
    assert si_sdr(reference, 0.5 * reference) == SI_SDR_LIMIT_DB
    assert si_sdr(reference, orthogonal) == -SI_SDR_LIMIT_DB


def test_identical_recordings_get_the_best_scores(speech_like: MakeSpeech):
    speech = speech_like(3.0)
    scores = score(speech, speech)
    assert scores["pesq_wb"] > 4.6
    assert scores["estoi"] == pytest.approx(1.0, abs=1e-3)
    assert scores["si_sdr_db"] == SI_SDR_LIMIT_DB


def test_more_noise_lowers_every_score(speech_like: MakeSpeech):
    speech = speech_like(3.0)
    disturbance = noise(speech.size) * np.std(speech)
    ladder = [score(speech, speech + gain * disturbance) for gain in (0.03, 0.3, 1.5)]
    for metric in ("pesq_wb", "estoi", "si_sdr_db"):
        values = [scores[metric] for scores in ladder]
        assert values[0] > values[1] > values[2], metric


@pytest.mark.parametrize("silent", ["reference", "estimate"])
@pytest.mark.parametrize("level", [0.0, 0.1, 1e-30])
def test_silence_and_constants_have_no_scores(speech_like: MakeSpeech, silent: str, level: float):
    speech = speech_like(2.0)
    pair = {"reference": speech, "estimate": speech, silent: np.full_like(speech, level)}
    scores = score(pair["reference"], pair["estimate"])
    assert all(math.isnan(value) for value in scores.values())


@pytest.mark.parametrize("samples", [0, 1, 100, 3999])
def test_less_than_a_quarter_second_has_no_pesq_and_no_estoi(samples: int):
    wave = noise(samples)
    scores = score(wave, wave)
    assert math.isnan(scores["pesq_wb"])
    assert math.isnan(scores["estoi"])


def test_too_little_speech_for_estoi_is_told_apart_from_a_bad_score():
    speech = np.zeros(SAMPLE_RATE, dtype=np.float32)
    speech[:3000] = noise(3000)
    assert math.isnan(estoi(speech, speech + 0.01 * noise(SAMPLE_RATE, 3)))


def test_pesq_is_not_asked_about_recordings_that_crash_its_reference_code():
    bursts = noise(PESQ_MAX_SAMPLES + 1)
    assert math.isnan(pesq_wb(bursts, bursts))


def test_pesq_holds_the_most_utterances_that_fit_in_its_longest_recording():
    time = np.arange(PESQ_MAX_SAMPLES) / SAMPLE_RATE
    bursts = np.where(time % 0.42 < 0.21, noise(time.size), 0).astype(np.float32)
    assert 1.0 < pesq_wb(bursts, bursts + 0.01 * noise(time.size, 2)) < 4.65


@pytest.mark.parametrize(
    ("estimate", "message"),
    [
        (np.zeros(99, np.float32), "align"),
        (np.zeros((1, 100), np.float32), "one channel"),
        (np.full(100, np.nan, np.float32), "NaN"),
    ],
)
def test_input_that_no_score_fits_is_refused(estimate: np.ndarray, message: str):
    with pytest.raises(InputError, match=message):
        score(noise(100), estimate)

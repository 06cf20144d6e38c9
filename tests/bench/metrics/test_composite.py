"""CSIG, CBAK and COVL: hand-computed cases, and values of the authors' algorithm written out in loops."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from lipstream.bench.metrics.composite import HOP, WINDOW, composite, llr, seg_snr, wss

MakeSpeech = Callable[[float], np.ndarray]


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    """Two seconds of tones that rise and fall, and the same softer and with noise."""
    time = np.arange(32000) / 16000
    random = np.random.default_rng(7)
    clean = (
        0.3 * np.sin(2 * np.pi * 180 * time) * (1 + 0.5 * np.sin(2 * np.pi * 3 * time))
        + 0.1 * np.sin(2 * np.pi * 1300 * time) * np.clip(np.sin(2 * np.pi * 2 * time), 0, None)
        + 0.01 * random.standard_normal(time.size)
    )
    return clean, 0.8 * clean + 0.05 * random.standard_normal(time.size)


def test_the_three_measures_equal_composite_m_step_by_step(pair: tuple[np.ndarray, np.ndarray]):
    assert seg_snr(*pair) == pytest.approx(9.742788949083868, rel=1e-9)
    assert llr(*pair) == pytest.approx(0.6099990671785935, rel=1e-9)
    assert wss(*pair) == pytest.approx(35.67598089374955, rel=1e-9)


@pytest.mark.parametrize(("gain", "expected_db"), [(0.5, 10 * math.log10(4)), (0.9, 20.0), (3.0, -6.0206)])
def test_segmental_snr_of_a_mere_gain_is_the_ratio_to_what_it_takes_or_adds(gain: float, expected_db: float):
    noise = np.random.default_rng(1).standard_normal(8000)
    assert seg_snr(noise, gain * noise) == pytest.approx(expected_db, abs=1e-4)


@pytest.mark.parametrize(("error", "limit_db"), [(1e-9, 35.0), (100.0, -10.0)])
def test_the_snr_of_a_frame_is_limited(error: float, limit_db: float):
    clean, other = np.random.default_rng(1).standard_normal((2, 8000))
    assert seg_snr(clean, clean + error * other) == pytest.approx(limit_db)


def test_gain_changes_neither_spectral_envelope_nor_slopes(speech_like: MakeSpeech):
    speech = speech_like(1.0).astype(np.float64)
    assert llr(speech, 0.25 * speech) == pytest.approx(0.0, abs=1e-6)
    assert wss(speech, 0.25 * speech) == pytest.approx(0.0, abs=1e-3)


def test_llr_of_a_first_order_process_against_white_noise_is_its_prediction_gain():
    # White noise predicts nothing: its model leaves all the power of x, that of x itself a part of 1 - 0.8^2.
    random = np.random.default_rng(2)
    white = random.standard_normal(200_000)
    process = np.zeros_like(white)
    for index in range(1, white.size):
        process[index] = 0.8 * process[index - 1] + white[index]
    expected = math.log(1 / (1 - 0.8**2))
    assert llr(process, random.standard_normal(white.size)) == pytest.approx(expected, rel=0.1)


def test_ratings_are_the_regressions_of_the_paper(pair: tuple[np.ndarray, np.ndarray]):
    rated = composite(*pair, pesq=2.0)
    assert rated.csig == pytest.approx(3.093 - 1.029 * rated.llr + 0.603 * 2.0 - 0.009 * rated.wss)
    assert rated.cbak == pytest.approx(1.634 + 0.478 * 2.0 - 0.007 * rated.wss + 0.063 * rated.seg_snr_db)
    assert rated.covl == pytest.approx(1.594 + 0.805 * 2.0 - 0.512 * rated.llr - 0.007 * rated.wss)


def test_ratings_stay_between_1_and_5(speech_like: MakeSpeech):
    speech = speech_like(1.0)
    noise = np.random.default_rng(3).standard_normal(speech.size)
    best = composite(noise, noise, pesq=4.64)
    assert (best.csig, best.cbak, best.covl) == (5.0, 5.0, 5.0)
    worst = composite(speech, 10 * noise, pesq=1.0)
    assert min(worst.csig, worst.cbak, worst.covl) == 1.0


@pytest.mark.parametrize("samples", [0, WINDOW, WINDOW + HOP - 1])
def test_less_than_two_frames_have_no_rating(samples: int):
    wave = np.random.default_rng(4).standard_normal(samples)
    rated = composite(wave, wave, pesq=4.0)
    assert all(math.isnan(value) for value in (rated.csig, rated.cbak, rated.covl, rated.seg_snr_db))


def test_without_pesq_there_are_no_ratings_but_their_measures(pair: tuple[np.ndarray, np.ndarray]):
    rated = composite(*pair, pesq=math.nan)
    assert math.isnan(rated.covl)
    assert math.isfinite(rated.llr + rated.wss + rated.seg_snr_db)


def test_digital_silence_within_speech_is_no_obstacle(speech_like: MakeSpeech):
    speech = speech_like(2.0)
    muted = speech.copy()
    muted[8000:10000] = 0.0
    rated = composite(speech, muted, pesq=3.0)
    assert math.isfinite(rated.covl)

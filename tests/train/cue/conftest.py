"""Speech-like levels and cues for the tests of how cues err."""

from collections.abc import Callable

import numpy as np
import pytest

from lipstream.core.arrays import Float32
from lipstream.models.lips.points import POINTS
from lipstream.train.data.landmark_corpus import LandmarkClip

SAMPLE_RATE = 16000
_EYES = [POINTS.index(33), POINTS.index(263)]
_CHIN = POINTS.index(152)


def speech(seconds: float, seed: int) -> Float32:
    """Noise in syllables: each of its four bands comes and goes at its own pace."""
    rng = np.random.default_rng(seed)
    count = round(seconds * SAMPLE_RATE)
    spectrum = np.fft.rfft(rng.standard_normal((4, count)), axis=1)
    hz = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    for row, (low, high) in enumerate(((100, 700), (700, 1800), (1800, 3500), (3500, 7500))):
        spectrum[row, (hz < low) | (hz >= high)] = 0.0
    knots = np.arange(0.0, seconds + 0.1, 0.1)
    times_s = np.arange(count) / SAMPLE_RATE
    common = rng.uniform(-30.0, 0.0, len(knots))
    levels = [np.interp(times_s, knots, common + rng.uniform(-8.0, 0.0, len(knots))) for _ in range(4)]
    bands = np.fft.irfft(spectrum, count, axis=1) * 10 ** (np.array(levels) / 20)
    return np.asarray(0.05 * bands.sum(0), np.float32)


def face(opening: Float32, seed: int) -> Float32:
    """Faces of 60 pixels from eye to eye whose chin and lower points go down with ``opening [T]``."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(100.0, 140.0, (len(POINTS), 3))
    points[_EYES] = [[90.0, 80.0, 0.0], [150.0, 80.0, 0.0]]
    landmarks = np.tile(points, (len(opening), 1, 1)) + rng.normal(0.0, 0.05, (len(opening), len(POINTS), 3))
    landmarks[:, [2, 3, 15, 20, _CHIN], 1] += opening[:, None]
    return np.asarray(landmarks, np.float32)


def clip_of(speaker: str, seed: int, seconds: float = 2.0) -> LandmarkClip:
    """A face whose mouth is as open as its voice is loud."""
    from lipstream.train.cue.levels import true_cue

    sound = speech(seconds, seed)
    opening = 4.0 * true_cue(sound)[:, -1]
    return LandmarkClip(speaker, face(opening, seed), 0.04 * np.arange(len(opening), dtype=np.float64), sound)


@pytest.fixture(scope="session")
def make_clip() -> Callable[..., LandmarkClip]:
    """See `clip_of`."""
    return clip_of


@pytest.fixture(scope="session")
def make_speech() -> Callable[[float, int], Float32]:
    """See `speech`."""
    return speech

"""What makes one recording many: another tempo of the voice, the tilt of a microphone, its end of scale."""

import numpy as np

from ...core.arrays import Float32
from ..data.recordings import SAMPLE_RATE

#: Where a tilt changes nothing, and below which it does not grow any more.
_PIVOT_HZ, _LOWEST_HZ = 1000.0, 60.0
#: Samples over which speech falls silent or begins again: 30 ms.
_FADE = 480
#: Level, against that of the whole, below which too little speech is left.
_LEAST_LEFT = 0.3


def rms(x: Float32) -> float:
    """Root mean square, at least 1e-8."""
    return float(max(np.sqrt(np.dot(x, x) / len(x)), 1e-8))


def tilt(x: Float32, db_per_octave: float) -> Float32:
    """The sound with a spectrum that rises (or falls) by so much an octave, unchanged at 1 kHz."""
    hz = np.fft.rfftfreq(len(x), 1 / SAMPLE_RATE).astype(np.float32)
    octaves = np.log2(np.maximum(hz, _LOWEST_HZ) / _PIVOT_HZ)
    gain = np.float32(10) ** (np.float32(db_per_octave / 20) * octaves)
    return np.fft.irfft(np.fft.rfft(x) * gain, len(x)).astype(np.float32)


def random_tempo(widest: float, rng: np.random.Generator) -> float:
    """Between ``1 / (1 + widest)`` and ``1 + widest``, slower as often as faster."""
    return float((1.0 + widest) ** rng.uniform(-1.0, 1.0))


def faster(x: Float32, tempo: float) -> Float32:
    """Speech of somebody faster and higher, or below 1 slower and deeper: ``[N] -> [N / tempo]``."""
    import soxr

    return np.asarray(soxr.resample(x, SAMPLE_RATE * tempo, SAMPLE_RATE, quality="MQ"), np.float32)


def overload(x: Float32, over_db: float) -> Float32:
    """The sound cut off where its peak is ``over_db`` above the end of scale."""
    limit = float(np.max(np.abs(x))) * 10 ** (-over_db / 20)
    return np.clip(x, -limit, limit).astype(np.float32)


def with_pauses(speech: Float32, pause_s: tuple[float, float], rng: np.random.Generator) -> Float32:
    """The speech with one to three stretches of silence; as it is where hardly any speech would be left.

    Args:
        speech: ``[N]``.
        pause_s: least and most length of a pause, in seconds; it may begin before the speech or end after it.
        rng: drives it.
    """
    loudness = np.ones(len(speech), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        length = round(rng.uniform(*pause_s) * SAMPLE_RATE)
        start = int(rng.integers(-(length // 2), max(len(speech) - length // 2, 1)))
        loudness[max(start, 0) : start + length] = 0.0
    fade = np.hanning(_FADE + 2)[1:-1]
    paused = (speech * np.convolve(loudness, fade / fade.sum(), "same")).astype(np.float32)
    return paused if rms(paused) > _LEAST_LEFT * rms(speech) else speech

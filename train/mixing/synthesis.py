"""Noise from formulas: what no recording in the pool holds (docs/training.md tells why)."""

import numpy as np
from scipy.signal import fftconvolve

from ...core.arrays import Float32
from ..data.recordings import SAMPLE_RATE

#: Points of a random spectral curve, spread evenly on a logarithmic axis from 50 Hz to 8 kHz.
_CURVE_POINTS = 7


def _spectral_curve(bins: int, spread_db: float, rng: np.random.Generator) -> Float32:
    """A smooth random gain for each bin of a real FFT."""
    hz = np.linspace(0, SAMPLE_RATE / 2, bins)
    knots = np.geomspace(50, SAMPLE_RATE / 2, _CURVE_POINTS)
    levels = rng.uniform(-spread_db, spread_db, _CURVE_POINTS)
    gain_db = np.interp(np.log(np.maximum(hz, 30)), np.log(knots), levels)
    return (10 ** (gain_db / 20)).astype(np.float32)


def shape_spectrum(x: Float32, rng: np.random.Generator) -> Float32:
    """The sound through a smooth random filter of up to +-12 dB."""
    spectrum = np.fft.rfft(x)
    return np.fft.irfft(spectrum * _spectral_curve(len(spectrum), 12.0, rng), len(x)).astype(np.float32)


def _envelope(length: int, rng: np.random.Generator) -> Float32:
    """A slowly wandering positive envelope with 2 to 16 knots a second."""
    knots = int(length / SAMPLE_RATE * rng.uniform(2, 16)) + 2
    levels = 10 ** (rng.uniform(-12, 6, knots) / 20)
    return np.interp(np.linspace(0, knots - 1, length), np.arange(knots), levels).astype(np.float32)


def _coloured(length: int, rng: np.random.Generator) -> Float32:
    spectrum = np.fft.rfft(rng.standard_normal(length, dtype=np.float32))
    return np.fft.irfft(spectrum * _spectral_curve(len(spectrum), 20.0, rng), length).astype(np.float32)


def _hum(length: int, rng: np.random.Generator) -> Float32:
    """A motor: a wandering fundamental, decaying harmonics, amplitude modulated by the rotation, and air."""
    rate = rng.uniform(25, 240) * (1 + 0.03 * (_envelope(length, rng) - 1) * rng.random())
    phase = 2 * np.pi * np.cumsum(rate) / SAMPLE_RATE
    tilt = rng.uniform(0.3, 1.5)
    order = np.arange(1, int(rng.integers(4, 25)))
    gains = rng.random(len(order)) / order**tilt
    tone = sum(gain * np.sin(k * phase + rng.uniform(0, 6.28)) for k, gain in zip(order, gains, strict=True))
    air = _coloured(length, rng)
    tone = tone / (np.std(tone) + 1e-9) + air / (np.std(air) + 1e-9) * rng.uniform(0.1, 1.0)
    return (tone * (1 + rng.uniform(0, 0.6) * np.sin(phase * rng.uniform(0.05, 0.3)))).astype(np.float32)


def _struck(
    length: int,
    rng: np.random.Generator,
    per_s: tuple[float, float],
    ring_s: tuple[float, float],
    modes_hz: tuple[float, float],
) -> Float32:
    """Things that are struck at random moments, louder or softer, and ring in the same way each time."""
    impulses = np.zeros(length, dtype=np.float32)
    count = int(length / SAMPLE_RATE * rng.uniform(*per_s)) + 1
    strengths = rng.standard_normal(count) * 10 ** (rng.uniform(-10, 0, count) / 20)
    impulses[rng.integers(0, length, count)] = strengths
    span = int(SAMPLE_RATE * rng.uniform(*ring_s))
    t = np.arange(span) / SAMPLE_RATE
    ring = rng.standard_normal(span) * 0.6
    for _ in range(int(rng.integers(1, 5))):
        ring += np.sin(2 * np.pi * rng.uniform(*modes_hz) * t + rng.uniform(0, 6.28))
    ring *= np.exp(-t * rng.uniform(5, 12) / t[-1])
    return fftconvolve(impulses, ring)[:length].astype(np.float32)


def _clicks(length: int, rng: np.random.Generator) -> Float32:
    """Keys and knocks over a faint noise floor."""
    struck = _struck(length, rng, per_s=(2, 14), ring_s=(0.01, 0.08), modes_hz=(200, 5000))
    return (struck + 0.02 * np.std(struck) * rng.standard_normal(length)).astype(np.float32)


def synthetic_noise(length: int, rng: np.random.Generator) -> Float32:
    """``length`` samples of steady or wandering coloured noise, a motor or clicks; the level is arbitrary."""
    kind = int(rng.integers(4))
    if kind == 0:
        return _coloured(length, rng) * _envelope(length, rng)
    if kind == 1:
        return _hum(length, rng)
    if kind == 2:
        return _clicks(length, rng)
    return _coloured(length, rng)

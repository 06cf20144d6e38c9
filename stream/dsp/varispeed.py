"""Resampling by a ratio that may change at any time, with a short constant delay."""

from functools import lru_cache
from math import ceil, floor

import numpy as np
import numpy.typing as npt

from ...core.arrays import Float32
from ...core.buffers import SampleFifo
from .resample import WIDE_BAND, WIDE_BAND_HZ, LowPass, stretches

#: Degree of the polynomials that give each tap for a position between two samples; they err by -90 dB.
DEGREE = 6
#: A share of a step that is lost in the rounding of positions.
ROUNDING = 1e-9
#: For lower rates than 16 kHz, at which all filters take long: 45 dB, and 1 ms at 8 kHz.
NARROW_BAND = LowPass(8, 3.975)


class VariableResampler:
    """One stream from one rate to another, times a ratio that follows two clocks.

    Each output sample is a windowed-sinc interpolation at its own position in the input, each tap of it a
    polynomial in the fraction of that position (C. W. Farrow, "A continuously variable digital delay
    element", ISCAS 1988). The position moves on without a break when the ratio changes, so a change is a
    change of pitch and never a click.

    Args:
        rate_in: nominal rate of the samples given, in Hz.
        rate_out: nominal rate of the samples made, in Hz.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        self._step = rate_in / rate_out
        self._taps = _tap_polynomials(*_low_pass(rate_in, rate_out))
        self._half = self._taps.shape[1] // 2
        self._rate_in = rate_in
        self._held = SampleFifo(4 * self._taps.shape[1])
        self._held.push(np.zeros(self._half - 1, np.float32))
        self._position = 0.0  # of the next output, from the middle of the oldest window held

    @property
    def delay_s(self) -> float:
        """Seconds that a sample waits here: half the filter."""
        return self._half / self._rate_in

    def process(self, samples: Float32, ratio: float = 1.0) -> Float32:
        """Take the next samples and give what they complete.

        Args:
            samples: float32 ``[n]``, any n.
            ratio: output samples for each that the nominal rates ask for, near 1.

        Returns:
            float32 ``[m]``, m about ``n * rate_out / rate_in * ratio``.
        """
        self._held.push(samples)
        step = self._step / ratio
        complete = len(self._held) - (2 * self._half - 1)
        count = max(0, ceil((complete - self._position) / step - ROUNDING))
        if count == 0:
            return np.empty(0, np.float32)
        windows = stretches(self._held.view(), 2 * self._half)
        positions = step * np.arange(count, dtype=np.float64)
        positions += self._position - 0.5
        nearest = np.rint(positions)
        fractions = (positions - nearest).astype(np.float32)
        terms = np.dot(self._taps, windows.take(nearest.astype(np.int64), axis=0).T)
        self._move_on(self._position + step * count)
        output: Float32 = terms[0]
        for term in terms[1:]:  # Horner's scheme
            output *= fractions
            output += term
        return output

    def _move_on(self, position: float) -> None:
        """Set the position of the next output and forget the samples that no later one needs."""
        surplus = min(floor(position), len(self._held))
        self._held.drop(surplus)
        self._position = position - surplus


def _low_pass(rate_in: int, rate_out: int) -> tuple[float, LowPass]:
    """The filter for these rates: where it cuts, in Nyquist frequencies of the input, and its prototype."""
    low_pass = WIDE_BAND if min(rate_in, rate_out) >= WIDE_BAND_HZ else NARROW_BAND
    return min(1.0, rate_out / rate_in), low_pass


@lru_cache(maxsize=16)
def _tap_polynomials(cutoff: float, low_pass: LowPass) -> npt.NDArray[np.float32]:
    """Coefficients of each tap, highest power first, float32 ``[DEGREE + 1, 2 half]``.

    The powers are of the fraction of the position, less a half. The filter is the one of the fixed resampler,
    met at Chebyshev's points; ``cutoff`` is in Nyquist frequencies of the input.
    """
    half = ceil(low_pass.half_length / cutoff)
    points = 0.5 * np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))
    distance = (np.arange(1 - half, half + 1) - 0.5 - points[:, None]) * cutoff  # samples of the lower rate
    taps = low_pass.at(distance)
    taps /= taps.sum(axis=1, keepdims=True)  # a constant stays that constant
    return np.linalg.solve(np.vander(points), taps).astype(np.float32)

"""Stateful resampling between any two whole rates, with a short delay that is known to the sample.

A windowed-sinc low-pass in polyphase form (R. E. Crochiere, L. R. Rabiner, "Multirate Digital Signal
Processing", 1983, chapter 4) with a Kaiser window (J. F. Kaiser, 1974): linear phase, flat within 0.01 dB
up to 0.89 of the lower Nyquist frequency and 80 dB down from 1.11 of it, so that what folds back lies in
the transition band alone. Where the lower rate is below 16 kHz such a filter would take long; one of 57 dB
that is flat within 0.02 dB serves telephone sound as well.

Why not soxr, which does this for whole files: its filters work in large blocks. Measured between 48 and
16 kHz, a sample waits 20 (LQ) to 37 ms (HQ) there, each way, and 12-15 ms in its variable-rate engine;
here it waits 1.5 ms.
"""

from functools import lru_cache
from math import ceil, gcd
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...core.arrays import Float32
from ...core.buffers import SampleFifo

#: From 16 to 48 kHz there are three rows of the filter to choose from, to 192 kHz 12; to 44.1 kHz, 441.
FEW_PHASES = 12
#: So many periods of a filter are made in one go at most: more would multiply with more zeros.
TOGETHER = 8

Float64 = npt.NDArray[np.float64]


class LowPass(NamedTuple):
    """A windowed sinc.

    Attributes:
        half_length: half its length, in samples of the lower rate.
        beta: of Kaiser's window: ``0.1102 * (A - 8.7)`` is A dB down; for 45 dB it is 3.975.
    """

    half_length: int
    beta: float

    def at(self, distance: Float64) -> Float64:
        """Its impulse response at distances from its middle, in samples of the lower rate."""
        inside = np.sqrt(np.maximum(0.0, 1 - (distance / self.half_length) ** 2))
        window = np.i0(self.beta * inside) / np.i0(self.beta)
        return np.asarray(np.sinc(distance) * window * (np.abs(distance) < self.half_length))


#: 80 dB, and 1.5 ms where the lower rate is 16 kHz. Below that 57 dB, for which 8 kHz takes 1.9 ms, not 3.
WIDE_BAND, NARROW_BAND = LowPass(24, 7.857), LowPass(15, 5.323)
#: The lowest rate that counts as wide-band.
WIDE_BAND_HZ = 16_000


class Resampler:
    """One stream from one rate to another; equal rates pass the samples through untouched.

    Output sample m stands for the time ``m / rate_out`` exactly, and is ready as soon as `inputs_needed`
    (m) samples were pushed. The same blocks pulled give the same samples, bit for bit, however they were
    pushed.

    Args:
        rate_in: rate of the samples pushed, in Hz.
        rate_out: rate of the samples pulled, in Hz.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        self._up = rate_out // gcd(rate_in, rate_out)
        self._down = rate_in // gcd(rate_in, rate_out)
        self._low_pass = WIDE_BAND if min(rate_in, rate_out) >= WIDE_BAND_HZ else NARROW_BAND
        self._taps = polyphase_filter(self._up, self._down, self._low_pass)
        # Inputs that an output needs after and before the newest one that is no later than itself.
        self._after = self._taps.shape[1] // 2
        self._before = self._taps.shape[1] - 1 - self._after
        self._inputs = SampleFifo(4 * self._taps.shape[1])
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next sample pushed is the first of a new stream, after silence."""
        self._inputs.clear()
        self._inputs.push(np.zeros(self._before, np.float32))
        self._oldest = -self._before  # index in the stream of the oldest sample held
        self._next = 0  # index of the next output

    @property
    def ready(self) -> int:
        """Number of samples that can be pulled now."""
        complete = self._oldest + len(self._inputs) - self._after
        return max(0, -(-complete * self._up // self._down) - self._next)

    def inputs_needed(self, outputs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How many samples must have been pushed before each of these outputs (counted from 0) is ready."""
        return outputs * self._down // self._up + self._after + 1

    def push(self, samples: Float32) -> None:
        """Take the next samples, float32 ``[n]``, finite."""
        self._inputs.push(samples)

    def pull(self, count: int) -> Float32:
        """Give the next `count` samples (no more than are ready), float32 ``[count]``."""
        if count == 0:
            return np.empty(0, np.float32)
        if self._up == self._down:
            first = self._next - self._oldest
            output = self._inputs.view()[first : first + count].copy()
        elif self._next % self._up == count % self._up == 0 and self._up <= FEW_PHASES:
            output = self._in_groups(count)
        else:
            output = self._one_by_one(count)
        self._next += count
        self._forget()
        return output

    def _in_groups(self, count: int) -> Float32:
        """The next outputs as one product with a band matrix: quicker than a filter after the other."""
        periods = count // self._up
        together = _together(periods)
        band = band_matrix(self._up, self._down, self._low_pass, together)
        first = self._next * self._down // self._up - self._before - self._oldest
        inputs = stretches(self._inputs.view()[first:], len(band), together * self._down)
        return np.dot(inputs[: periods // together], band).ravel()

    def _one_by_one(self, count: int) -> Float32:
        """The next outputs, each with its own row of the filter."""
        positions = np.arange(self._next, self._next + count) * self._down
        indices = positions // self._up
        windows = stretches(self._inputs.view(), self._taps.shape[1])
        first = indices - self._before - self._oldest
        result = np.einsum("nt,nt->n", windows[first], self._taps[positions - indices * self._up])
        return np.asarray(result, np.float32)

    def _forget(self) -> None:
        """Drop the inputs that no later output needs."""
        oldest_needed = self._next * self._down // self._up - self._before
        # Where the rate falls, the next output may start beyond what was pushed so far.
        surplus = min(oldest_needed - self._oldest, len(self._inputs))
        self._inputs.drop(surplus)
        self._oldest += surplus


def stretches(samples: Float32, size: int, step: int = 1) -> Float32:
    """All stretches of a size, one each `step` samples, ``[(n - size) // step + 1, size]``, without a copy.

    As NumPy's sliding_window_view, which costs more than the filtering of a hop.
    """
    shape, one = ((len(samples) - size) // step + 1, size), samples.itemsize
    return np.ndarray(shape, np.float32, samples, strides=(step * one, one))


@lru_cache(maxsize=256)
def _together(periods: int) -> int:
    """The most periods, up to `TOGETHER`, that so many can be made of."""
    return max(number for number in range(1, TOGETHER + 1) if periods % number == 0)


@lru_cache(maxsize=16)
def band_matrix(up: int, down: int, low_pass: LowPass, periods: int) -> Float32:
    """What makes ``periods * up`` outputs at once, float32 ``[inputs, outputs]``, the first in phase 0.

    Each column is the row of `polyphase_filter` for that output, at the inputs that it uses.
    """
    taps = polyphase_filter(up, down, low_pass)
    positions = [divmod(output * down, up) for output in range(periods * up)]
    matrix = np.zeros((positions[-1][0] + taps.shape[1], len(positions)), np.float32)
    for column, (index, phase) in enumerate(positions):
        matrix[index : index + taps.shape[1], column] = taps[phase]
    return matrix


@lru_cache(maxsize=16)
def polyphase_filter(up: int, down: int, low_pass: LowPass) -> Float32:
    """The low-pass for a ratio ``up / down`` in lowest terms, float32 ``[up, 2 * half]``.

    Row p makes the output that lies p / up of an input sample after input i, from inputs ``i - half + 1`` to
    ``i + half``. Each row sums to 1, so a constant stays that constant. At 1 / 1 it is a single 1.
    """
    if up == down:
        return np.ones((1, 1), np.float32)
    cutoff = min(1.0, up / down)  # in Nyquist frequencies of the input
    half = ceil(low_pass.half_length / cutoff)
    phases = np.arange(up)[:, None] / up
    distance = np.abs(np.arange(1 - half, half + 1) - phases) * cutoff  # in samples of the lower rate
    taps = np.interp(distance, *_prototype(low_pass), right=0.0)
    return (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)


@lru_cache(maxsize=2)
def _prototype(low_pass: LowPass) -> tuple[Float64, Float64]:
    """Half the impulse response, so finely that a line between two points errs by less than -130 dB.

    A ratio such as 16000 / 95999 has millions of taps; looking them up takes a tenth of the Bessel
    function's time.
    """
    distance = np.arange(2048 * low_pass.half_length + 1) / 2048  # in samples of the lower rate
    return distance, low_pass.at(distance)

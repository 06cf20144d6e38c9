"""Rates and delays: every peer gets its own rate, and its delay is found and taken out the same way."""

from collections.abc import Iterable

import numpy as np
import soxr
from scipy.signal import correlate

from ...core.arrays import Float32

#: No streaming enhancer is later than this; the search for its delay ends here.
MAX_LAG_S = 0.25


def resampled(wave: Float32, rate_in: int, rate_out: int) -> Float32:
    """A whole recording at another rate, in place: float32 ``[samples * rate_out / rate_in]``."""
    if rate_in == rate_out:
        return wave
    return np.asarray(soxr.resample(wave, rate_in, rate_out, "VHQ"), np.float32)


def with_tail(wave: Float32, sample_rate: int) -> Float32:
    """The recording with so much silence behind it that all of it comes out of any peer."""
    return np.pad(wave, (0, round(MAX_LAG_S * sample_rate)))


def find_lag(pairs: Iterable[tuple[Float32, Float32]], sample_rate: int) -> int:
    """The constant delay of an enhancer: where its inputs and outputs have their highest cross-correlation.

    Args:
        pairs: inputs and their outputs, float32 ``[samples]`` each; each pair counts the same.
        sample_rate: of both, in Hz.

    Returns:
        The delay in samples, from 0 to `MAX_LAG_S`; 0 where all is silence.
    """
    total = np.zeros(round(MAX_LAG_S * sample_rate) + 1)
    for given, late in pairs:
        level = np.linalg.norm(given) * np.linalg.norm(late)
        if level > 0:
            correlation = correlate(late.astype(np.float64), given.astype(np.float64), "full", "fft")
            zero_lag = given.size - 1
            total += correlation[zero_lag : zero_lag + total.size] / level
    return int(np.argmax(total))


def in_place(late: Float32, lag: int, samples: int) -> Float32:
    """The recording with its delay taken out: float32 ``[samples]``; silence where it ends too early."""
    found = late[lag : lag + samples]
    return np.pad(found, (0, samples - found.size))

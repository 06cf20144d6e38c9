"""What every peer offers the bench, and how its rate and its delay are dealt with."""

from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
import soxr
from scipy.signal import correlate

from ....stream.runtimes.base import Float32

__all__ = ["Float32", "Peer", "in_frames"]


class Peer(Protocol):
    """An enhancer the way its own users run it: at its own rate, frame by frame where it streams."""

    @property
    def sample_rate(self) -> int:
        """Rate in Hz of the waves it takes and gives."""
        ...

    @property
    def frame_samples(self) -> int | None:
        """Samples that must be there before it can be called.

        0 where it takes any number and holds back its output instead; None where it needs the whole
        recording.
        """
        ...

    def reset(self) -> None:
        """Forget all sound: the next wave is the first of a new stream."""
        ...

    def enhance(self, wave: Float32) -> Float32:
        """Enhance a recording, float32 ``[samples]``, as a stream.

        Returns:
            float32 ``[samples]``, late by the peer's own lag, which is constant.
        """
        ...


def in_frames(step: Callable[[Float32], Float32], wave: Float32, frame_samples: int) -> Float32:
    """Feed a wave frame by frame, the last one filled up with silence.

    Args:
        step: float32 ``[frame_samples]`` in, float32 ``[frame_samples]`` out.
        wave: float32 ``[samples]``.

    Returns:
        float32 ``[samples]``.
    """
    padded = np.pad(wave, (0, -wave.size % frame_samples))
    return np.concatenate([step(frame) for frame in padded.reshape(-1, frame_samples)])[: wave.size]


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

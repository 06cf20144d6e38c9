"""The spectrogram that DNSMOS P.808 hears: mel bands in dB, as librosa makes them, without it."""

from functools import cache

import numpy as np
import numpy.typing as npt

from .intrusive import SAMPLE_RATE, Wave

Float64 = npt.NDArray[np.float64]

#: Frames in samples, their distance, and bands.
FRAME, HOP, BANDS = 321, 160, 120
#: The least power that counts, and how far below the loudest bin the others may be, in dB.
LEAST_POWER, RANGE_DB = 1e-10, 80.0
#: Slaney's scale: linear up to 1 kHz, 15 bands there, then logarithmic by this step (Slaney, "Auditory
#: toolbox", 1998).
BREAK_HZ, BREAK_MEL, STEP = 1000.0, 15.0, np.log(6.4) / 27.0


def mel_decibels(wave: Wave) -> npt.NDArray[np.float32]:
    """``[samples]`` at 16 kHz -> ``[frames, 120]``: dB below the loudest, scaled from [-40, 0] to [0, 1].

    Frames are centred, with zeros beyond both ends, under a periodic Hann window.
    """
    padded = np.pad(wave.astype(np.float64), FRAME // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
    power = np.abs(np.fft.rfft(frames * window)) ** 2 @ _bands().T
    decibels = 10.0 * np.log10(np.maximum(power, LEAST_POWER) / max(power.max(), LEAST_POWER))
    return ((np.maximum(decibels, -RANGE_DB) + 40.0) / 40.0).astype(np.float32)


@cache
def _bands() -> Float64:
    """Triangles of unit area over the bins, ``[120, 161]``."""
    bins = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE)
    edges = _hz(np.linspace(0.0, _mel(SAMPLE_RATE / 2), BANDS + 2))
    low, middle, high = (edges[first : first + BANDS, None] for first in range(3))
    triangles = np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle))
    area: Float64 = np.maximum(triangles, 0.0) * 2.0 / (high - low)
    return area


def _mel(hz: float) -> float:
    return float(BREAK_MEL + np.log(hz / BREAK_HZ) / STEP) if hz >= BREAK_HZ else hz * BREAK_MEL / BREAK_HZ


def _hz(mel: Float64) -> Float64:
    bent: Float64 = BREAK_HZ * np.exp(STEP * (mel - BREAK_MEL))
    return np.where(mel >= BREAK_MEL, bent, mel * BREAK_HZ / BREAK_MEL)

"""Whispers made from voiced speech."""

import numpy as np
from scipy.linalg import solve_toeplitz
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from ...errors import InputError
from ..metrics.intrusive import SAMPLE_RATE
from .builtin import Float32

#: Frames of 32 ms, three quarters of each shared with the next one.
WINDOW, HOP = 512, 128

#: Two poles for each kHz and two for the source: J. D. Markel and A. H. Gray, "Linear Prediction of Speech",
#: 1976.
ORDER = 18

#: Added to the power of each frame, as a share of the loudest one's: what lies below it has no envelope.
FLOOR = 1e-9


def whisper(speech: Float32, seed: int = 0) -> Float32:
    """The same words without voice: the envelope of each frame as it was, noise in the place of the source.

    Linear prediction analysis and synthesis with noise alone as excitation: B. S. Atal and S. L. Hanauer,
    "Speech analysis and synthesis by linear prediction of the speech wave", JASA 50, 1971. A stand-in for
    whispers, not the thing: real ones are softer, with less below 1 kHz, and their formants lie higher (R. W.
    Morris and M. A. Clements, "Estimation of speech spectra from whispers", ICASSP 2002).

    Args:
        speech: float32 ``[samples]`` at 16 kHz.
        seed: of the noise; the same seed gives the same whisper.

    Returns:
        float32 ``[samples]``, each frame about as loud as it was.

    Raises:
        InputError: less than a frame.
    """
    if speech.size < WINDOW:
        raise InputError(f"{speech.size} samples are too short to be whispered: give {WINDOW} or more")
    frames = ShortTimeFFT(hann(WINDOW, sym=False), HOP, SAMPLE_RATE)
    power = np.abs(frames.stft(speech.astype(np.float64))) ** 2
    lags = np.fft.irfft(power, axis=0)[: ORDER + 1]
    lags[0] += FLOOR * lags[0].max() + np.finfo(np.float64).tiny
    predictor = np.stack([solve_toeplitz(lag[:-1], lag[1:]) for lag in lags.T], axis=1)
    residual = lags[0] - np.sum(predictor * lags[1:], axis=0)
    inverse = np.fft.rfft(np.vstack([np.ones_like(residual), -predictor]), WINDOW, axis=0)
    envelope = np.sqrt(residual) / np.abs(inverse)
    noise = np.random.default_rng(seed).standard_normal(speech.size)
    flat = frames.stft(noise) / np.linalg.norm(frames.win)
    return np.asarray(frames.istft(flat * envelope, k1=speech.size), np.float32)

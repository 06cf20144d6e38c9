"""Spectral gating by the package noisereduce, as it comes: non-stationary, over the whole recording."""

import noisereduce
import numpy as np

from .base import Float32


class NoiseReduce:
    sample_rate = 16_000
    frame_samples = None

    def reset(self) -> None:
        """Nothing is carried from one recording to the next."""

    def enhance(self, wave: Float32) -> Float32:
        return np.asarray(noisereduce.reduce_noise(y=wave, sr=self.sample_rate), np.float32)

"""16-bit samples to floats in [-1, 1] and back."""

import numpy as np

from .arrays import Float32, Int16

#: A 16-bit sample of 32,768 would be 1.0.
FULL_SCALE = 32_768


def from_int16(samples: Int16) -> Float32:
    """Scaled to [-1, 1): float32 of the same shape."""
    return samples.astype(np.float32) / np.float32(FULL_SCALE)


def to_int16(samples: Float32) -> Int16:
    """Scaled and rounded; what is over full scale is clipped, for int16 would wrap around."""
    scaled = np.rint(samples * np.float32(FULL_SCALE))
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)

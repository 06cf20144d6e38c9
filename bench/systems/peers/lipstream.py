"""A preset of lipstream itself, sound alone, by the same measures as its peers."""

from ....stream.enhancer import Enhancer
from ....stream.runtimes import AUTO
from .base import Float32


class Lipstream:
    frame_samples = 0

    def __init__(self, model: str) -> None:
        self._enhancer = Enhancer(model, runtime=AUTO)  # the fastest that is at hand, as in live sessions
        self.sample_rate = self._enhancer.sample_rate

    def reset(self) -> None:
        self._enhancer.reset()

    def enhance(self, wave: Float32) -> Float32:
        return self._enhancer.process(wave)

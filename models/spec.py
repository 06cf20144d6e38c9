"""What the outside must know of a streaming model. Torch-free."""

from dataclasses import dataclass

from .config import ModelConfig

#: Age in seconds that stands for "there is no video": far beyond where alpha has faded to exactly 0.
NO_VIDEO_AGE_S = 1e6


@dataclass(frozen=True)
class StreamSpec:
    """What a caller must know of a wave-to-wave streaming model.

    Attributes:
        name: name of the preset, e.g. ``lite``.
        sample_rate: the model's own rate in Hz.
        window_samples: length of the analysis window; the output of a hop lags its input by ``window - hop``.
        hop_samples: samples taken and given by one call.
        embedding_size: length of the visual embedding.
        lips_size: side of the square lip crop in pixels.
    """

    name: str
    sample_rate: int
    window_samples: int
    hop_samples: int
    embedding_size: int
    lips_size: int

    @classmethod
    def of(cls, config: ModelConfig) -> "StreamSpec":
        """The description of a model's stream."""
        return cls(
            name=config.name,
            sample_rate=config.stft.sample_rate,
            window_samples=config.stft.window,
            hop_samples=config.stft.hop,
            embedding_size=config.visual.embedding_size,
            lips_size=config.visual.lips_size,
        )

"""What every runtime of a streaming model offers: hop in, hop out, state kept inside."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

#: Age in seconds that stands for "there is no video": far beyond the age at which alpha has faded to exactly 0.
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


class Runtime(Protocol):
    """One stream of one model. Not thread-safe; make one runtime for each stream."""

    @property
    def spec(self) -> StreamSpec: ...

    @property
    def state_bytes(self) -> int:
        """Bytes of carried state of one stream (audio and video)."""
        ...

    def reset(self) -> None:
        """Forget everything: the next hop is the first of a new stream."""
        ...

    def process_hop(
        self, hop: Float32, embedding: Float32, video_age_s: float, dry: float
    ) -> tuple[Float32, float]:
        """Enhance one hop.

        Args:
            hop: float32 ``[hop_samples]``, finite.
            embedding: float32 ``[embedding_size]`` of the newest video frame (zeros where there is none).
            video_age_s: seconds since that frame was captured; `NO_VIDEO_AGE_S` where there is none.
            dry: share of the noisy signal in the output, 0 (enhanced) to 1 (bypass).

        Returns:
            The output hop, float32 ``[hop_samples]``, which lags the input by ``window - hop`` samples, and alpha,
            the confidence in the video in [0, 1].
        """
        ...

    def encode_lips(self, crop: UInt8) -> Float32:
        """Embed one lip crop, uint8 ``[96, 96, 3]`` RGB, to float32 ``[embedding_size]``.

        Carries temporal state: call it once for each video frame, in order.
        """
        ...

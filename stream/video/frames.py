"""What moves from a camera or a video file to an enhancer: video frames, and the lips in them. No OpenCV."""

from dataclasses import dataclass
from enum import Enum, auto

from ...core.arrays import Float32, UInt8


@dataclass(frozen=True)
class VideoFrame:
    """A video frame as it was captured.

    Attributes:
        time_s: when, in seconds of the clock that its camera goes by, or of the file.
        rgb: uint8 ``[height, width, 3]``.
    """

    time_s: float
    rgb: UInt8


@dataclass(frozen=True)
class LipFrame:
    """The lips of a video frame; without crop, embedding and landmarks there was no usable face.

    Attributes:
        sequence: rises from frame to frame of a camera or file, from 1.
        time_s: when the video frame was captured, in seconds: of the camera's clock until the live pipeline
            has taken it, else of the input that the enhancer gets. It never goes back.
        crop: uint8 ``[96, 96, 3]`` RGB, for a model that sees crops.
        embedding: what its visual encoder made of the crop, float32 ``[512]``; None: not encoded yet.
        landmarks: float32 ``[44, 3]``, for a model that sees landmarks: x, y and depth in pixels of the video
            frame, see `models.lips.points.POINTS`.
    """

    sequence: int
    time_s: float
    crop: UInt8 | None = None
    embedding: Float32 | None = None
    landmarks: Float32 | None = None

    @property
    def shows_lips(self) -> bool:
        """Whether there was a usable face."""
        return any(lips is not None for lips in (self.crop, self.embedding, self.landmarks))


class Sight(Enum):
    """What a video frame without usable lips shows."""

    NO_FACE = auto()
    NO_MOUTH = auto()  # a face too far away, or its mouth outside of the frame
    BLACK = auto()
    REPEATED = auto()
    FROZEN = auto()

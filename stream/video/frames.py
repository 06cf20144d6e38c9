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
    """The lips of a video frame.

    Attributes:
        sequence: rises from frame to frame of a camera or file, from 1.
        time_s: when the video frame was captured, in seconds: of the camera's clock until the live pipeline
            has taken it, else of the input that the enhancer gets. It never goes back.
        crop: uint8 ``[96, 96, 3]`` RGB; None where no usable face was found, or the embedding alone is known.
        embedding: what the visual encoder made of the crop, float32 ``[512]``; None: not encoded yet.
    """

    sequence: int
    time_s: float
    crop: UInt8 | None = None
    embedding: Float32 | None = None


class Sight(Enum):
    """What a video frame without usable lips shows."""

    NO_FACE = auto()
    NO_MOUTH = auto()  # a face too far away, or its mouth outside of the frame
    BLACK = auto()
    REPEATED = auto()
    FROZEN = auto()

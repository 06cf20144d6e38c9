"""Where the camera thread leaves its newest lips and the audio worker finds them, without a lock."""

from dataclasses import dataclass

from ..runtimes.base import Float32, UInt8


@dataclass(frozen=True)
class LipsFrame:
    """The lips of one camera picture, encoded.

    Attributes:
        sequence: 1 for the first frame of a mailbox, one more for each after it.
        captured_s: when the picture was grabbed, in seconds of the monotonic clock; never goes back.
        embedding: what the visual encoder made of the crop, float32 ``[512]``.
        crop: the lips, uint8 ``[96, 96, 3]`` RGB.
    """

    sequence: int
    captured_s: float
    embedding: Float32
    crop: UInt8


class LipsMailbox:
    """Holds the latest frame only: a slow reader misses frames and never delays the writer.

    One thread puts, any number read. The slot is one reference to a frozen frame, which Python reads and
    replaces in one piece, so that nobody ever waits or sees half a frame.
    """

    def __init__(self) -> None:
        self._latest: LipsFrame | None = None

    def put(self, frame: LipsFrame) -> None:
        """Replace the frame held."""
        self._latest = frame

    def newest_since(self, sequence: int) -> LipsFrame | None:
        """The frame held if its sequence number is above this one, else None. 0 asks for any frame."""
        latest = self._latest
        return latest if latest is not None and latest.sequence > sequence else None

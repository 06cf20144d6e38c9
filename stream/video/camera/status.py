"""What is known of a camera while it runs: status, newest lips, attempts. Loads no OpenCV."""

from dataclasses import dataclass
from enum import StrEnum

from ..frames import LipFrame


class CameraState(StrEnum):
    """What the camera thread is doing; only while TRACKING new lips come."""

    STARTING = "starting"
    TRACKING = "tracking"
    NO_FACE = "no face"
    BLACK = "black"
    FROZEN = "frozen"
    LOST = "lost"
    FAILING = "failing"
    STOPPED = "stopped"


@dataclass(frozen=True)
class CameraStatus:
    """What the camera thread says of itself.

    Attributes:
        state: what it is doing.
        reason: one line for the user about what is wrong; empty where nothing is.
        fps: frames a second that the camera gave of late.
        face_age_s: seconds since the last frame that gave lips was captured; None before the first.
        frames: lips put into the mailbox so far.
        failures: exceptions of the landmarker and of the encoder so far.
        reconnects: how often the camera came back after it was lost.
    """

    state: CameraState
    reason: str
    fps: float
    face_age_s: float | None
    frames: int
    failures: int
    reconnects: int


class LipsMailbox:
    """Holds the latest frame only: a slow reader misses frames and never delays the writer.

    One thread puts, any number read. The slot is one reference to a frozen frame, which Python reads and
    replaces in one piece, so that nobody ever waits or sees half a frame.
    """

    def __init__(self) -> None:
        self._latest: LipFrame | None = None

    def put(self, frame: LipFrame) -> None:
        """Replace the frame held."""
        self._latest = frame

    def newest_since(self, sequence: int) -> LipFrame | None:
        """The frame held if its sequence number is above this one, else None. 0 asks for any frame."""
        latest = self._latest
        return latest if latest is not None and latest.sequence > sequence else None


class Backoff:
    """Doubling pauses.

    Args:
        first_s: the first one, in seconds.
        longest_s: the longest one.
    """

    def __init__(self, first_s: float, longest_s: float) -> None:
        if not 0 < first_s <= longest_s:
            raise ValueError("pauses must be positive, and the longest no shorter than the first")
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s

    def next_s(self) -> float:
        """The pause before the next attempt, in seconds."""
        pause = self._next_s
        self._next_s = min(2 * pause, self._longest_s)
        return pause

    def reset(self) -> None:
        """An attempt went well: begin with the first pause again."""
        self._next_s = self._first_s

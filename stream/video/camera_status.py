"""What is told of a camera. Loads no OpenCV, for whoever only asks."""

from dataclasses import dataclass
from enum import StrEnum


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
        fps: pictures a second that the camera gave of late.
        face_age_s: seconds since the last picture that gave lips was captured; None before the first.
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

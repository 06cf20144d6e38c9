"""How a camera stands, told from its video frames and from what its thread has seen."""

from dataclasses import dataclass

import numpy as np

from ....core.arrays import UInt8
from ...dsp.clock import Clock
from ..frames import Sight, VideoFrame
from .grabber import GrabberStatus
from .status import CameraState

#: Of every so many-th pixel in each direction the green is looked at.
_STRIDE = 4
#: A video frame is black if all but this share of its pixels (hot ones, a clock) are darker, of 255.
_BRIGHT_SHARE, _BRIGHT_FROM = 0.005, 24


@dataclass(frozen=True)
class CameraLimits:
    """When the camera is called what.

    Attributes:
        lost_after_s: lost: no frame for longer.
        frozen_after_s: frozen: the same frame for longer.
        no_face_after_s: no face: none for longer; a glance away goes unmentioned.
        slow_below_fps: slow, which is only a warning: fewer frames a second.
    """

    lost_after_s: float = 1.5
    frozen_after_s: float = 2.0
    no_face_after_s: float = 0.5
    slow_below_fps: float = 12.0

    def __post_init__(self) -> None:
        if min(self.lost_after_s, self.frozen_after_s, self.no_face_after_s) <= 0 or self.slow_below_fps < 0:
            raise ValueError("times must be positive, and the rate not negative")


@dataclass(frozen=True)
class Observed:
    """What the thread knows at a moment.

    Attributes:
        problem: why lips cannot be read at all, empty if they can.
        grabber: how the reading of the camera goes.
        frame_age_s: since the last frame that was looked at; None before the first.
        lips_age_s: since the last lips; None before the first.
        sight: what the last frame showed that was not a repeated one; None for lips.
        fps: frames a second; None while unknown.
    """

    problem: str
    grabber: GrabberStatus
    frame_age_s: float | None
    lips_age_s: float | None
    sight: Sight | None
    fps: float | None


_SIGHTS = {
    Sight.BLACK: (CameraState.BLACK, "the video is black: is the lens covered?"),
    Sight.FROZEN: (CameraState.FROZEN, "the camera repeats one frame: plug it in again, or restart it"),
    Sight.NO_MOUTH: (CameraState.NO_FACE, "the face is too far away or not whole in the video"),
    Sight.NO_FACE: (CameraState.NO_FACE, "no face in the video"),
}


def judge(seen: Observed, limits: CameraLimits) -> tuple[CameraState, str]:
    """The state and, where something is wrong, one line about it. The most fundamental trouble wins."""
    if seen.problem:
        return CameraState.FAILING, seen.problem
    if seen.grabber.problem:
        return CameraState.LOST, seen.grabber.problem
    if seen.frame_age_s is None:
        return CameraState.STARTING, ""
    if seen.frame_age_s > limits.lost_after_s:
        return CameraState.LOST, f"no video frames for {seen.frame_age_s:.0f} s"
    lips_missing = seen.lips_age_s is None or seen.lips_age_s > limits.no_face_after_s
    if lips_missing and seen.sight is not None:
        return _SIGHTS[seen.sight]
    if seen.fps is not None and seen.fps < limits.slow_below_fps:
        return CameraState.TRACKING, (
            f"only {seen.fps:.0f} frames a second: more light or another camera helps the lips"
        )
    return CameraState.TRACKING, ""


class FrameWatch:
    """Compares the video frames of one camera. No two frames of a sensor are equal, for its noise.

    A driver repeats frames to keep up a rate in dim light: the second one was not captured when it came,
    so it must not count as fresh. Only if nothing else comes for long, the camera is frozen.

    Args:
        frozen_after_s: for how long frames must repeat to be called frozen.
    """

    def __init__(self, frozen_after_s: float = 2.0) -> None:
        self._frozen_after_s = frozen_after_s
        self._last: UInt8 | None = None
        self._changed_s = 0.0

    def look(self, frame: VideoFrame) -> Sight | None:
        """Why the next frame, of any size, is of no use; None where it may show lips."""
        sample = frame.rgb[::_STRIDE, ::_STRIDE, 1].copy()
        repeated = self._last is not None and np.array_equal(sample, self._last)
        if not repeated:
            self._last, self._changed_s = sample, frame.time_s
        if np.count_nonzero(sample >= _BRIGHT_FROM) <= _BRIGHT_SHARE * sample.size:
            return Sight.BLACK
        if not repeated:
            return None
        return Sight.FROZEN if frame.time_s - self._changed_s >= self._frozen_after_s else Sight.REPEATED


class RateMeter:
    """Measures a rate over about a second.

    Args:
        clock: tells the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_s = clock.now()
        self._since_count = 0
        self.rate: float | None = None

    def update(self, count: int) -> None:
        """Take in the count of all events so far; call it now and then."""
        now_s = self._clock.now()
        if self.rate == 0.0 and count == self._since_count:
            self._since_s = now_s  # the next second is a full one, whenever things go on
        elif now_s - self._since_s >= 1.0:
            self.rate = (count - self._since_count) / (now_s - self._since_s)
            self._since_s, self._since_count = now_s, count

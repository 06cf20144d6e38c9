"""What a caller may give for lips, turned into frames with times, and where these wait for their moment."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import inf, isfinite
from typing import Any

import numpy as np

from ..core.arrays import Float32, UInt8
from ..errors import InputError
from .video.frames import LipFrame

#: A crop ``[96, 96, 3]``, its embedding ``[512]``, or face landmarks ``[44, 3]``.
Image = UInt8 | Float32
#: What `Enhancer.process` takes for lips: those of one video frame, or several with their times in seconds.
Lips = Image | Sequence[LipFrame | tuple[float, Image]]


class WaitingLips(ABC):
    """Frames that were given and wait for their moment; which ones may come, its heirs say."""

    def __init__(self) -> None:
        self._waiting: deque[LipFrame] = deque()
        self._latest_s = -inf

    def check(self, lips: Lips | None, now_s: float) -> list[LipFrame]:
        """Turn what the caller gave into time-stamped frames, changing nothing.

        Args:
            lips: as in `Enhancer.process`; None for no new frame.
            now_s: the time that lips without their own get.

        Raises:
            InputError: lips of the wrong kind, shape or type, or a time that is not finite or goes backwards.
        """
        return stamped(lips, now_s, self._latest_s, self._check_frame)

    def add(self, frames: list[LipFrame], late_s: float = 0.0) -> None:
        """Take frames that `check` passed; so many seconds are taken off their times."""
        self._waiting.extend(replace(frame, time_s=frame.time_s - late_s) for frame in frames)
        if frames:
            self._latest_s = frames[-1].time_s

    def _forget(self) -> None:
        """All frames: a new stream begins at time 0."""
        self._waiting.clear()
        self._latest_s = -inf

    def _due(self, time_s: float) -> Iterator[LipFrame]:
        """The frames captured by this time, in order, each once."""
        while self._waiting and self._waiting[0].time_s <= time_s:
            yield self._waiting.popleft()

    @abstractmethod
    def _check_frame(self, frame: LipFrame) -> None:
        """Let a frame pass that the model can see; `InputError` for any other."""


def stamped(
    lips: Lips | None, now_s: float, latest_s: float, check: Callable[[LipFrame], None]
) -> list[LipFrame]:
    """Each of the lips with its time, in order.

    Args:
        lips: as in `Enhancer.process`; None for no new frame.
        now_s: the time that lips without their own get.
        latest_s: the time of the newest frame before these.
        check: raises InputError for a frame that shows nothing the model can see.

    Raises:
        InputError: by ``check``, or a time that is not finite or goes backwards.
    """
    if lips is None:
        return []
    given = [(now_s, lips)] if isinstance(lips, np.ndarray) else lips
    try:
        frames = [each if isinstance(each, LipFrame) else _as_frame(*each) for each in given]
    except (TypeError, ValueError) as error:
        raise InputError(
            "lips must be an array or a sequence of (time_s, array): [(0.04, array)] is a frame at 40 ms, "
            "and lipstream.LipReader makes such frames of pictures"
        ) from error
    for frame in frames:
        if not isfinite(frame.time_s):
            raise InputError(f"the time of lips must be finite, in seconds, not {frame.time_s}")
        check(frame)
        if frame.time_s < latest_s:
            raise InputError(
                f"lips must come in order of time: {frame.time_s:.3f} s came after {latest_s:.3f} s "
                "(seconds of input since the start or the last reset)"
            )
        latest_s = frame.time_s
    return frames


def described(lips: Any) -> str:
    """What was given, in words for an error."""
    return f"{lips.dtype} {list(lips.shape)}" if isinstance(lips, np.ndarray) else type(lips).__name__


def _as_frame(time_s: float, image: Any) -> LipFrame:
    """A copy, as a caller may use an array again while the frame still waits."""
    if not isinstance(image, np.ndarray):
        return LipFrame(0, float(time_s), image)
    copied = image.copy()
    if copied.ndim == 1:
        return LipFrame(0, float(time_s), embedding=copied)
    if copied.ndim == 2:
        return LipFrame(0, float(time_s), landmarks=copied)
    return LipFrame(0, float(time_s), copied)

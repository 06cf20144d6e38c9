"""Which lips count when: frames wait for their moment, are embedded in order, and the last one holds."""

from collections import deque
from collections.abc import Sequence
from math import inf, isfinite

import numpy as np

from ..errors import InputError
from .runtimes.base import NO_VIDEO_AGE_S, Float32, Runtime, UInt8

#: What `Enhancer.process` takes for lips: one crop, or crops with their times in seconds.
Lips = UInt8 | Sequence[tuple[float, UInt8]]


class LipsTimeline:
    """Zero-order hold from video frames to hops, by time stamp: a frame never counts before it was captured.

    Args:
        runtime: embeds the crops; its visual encoder carries state, so each frame goes through it once, in
            order.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._none: Float32 = np.zeros(runtime.spec.embedding_size, np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget all frames: a new stream begins at time 0."""
        self._waiting: deque[tuple[float, UInt8]] = deque()
        self._latest_s = -inf
        self._embedding = self._none
        self._captured_s: float | None = None

    def check(self, lips: Lips | None, now_s: float) -> list[tuple[float, UInt8]]:
        """Turn what the caller gave into time-stamped frames, changing nothing.

        Args:
            lips: as in `Enhancer.process`; None for no new frame.
            now_s: the time that a crop without its own gets.

        Raises:
            InputError: a crop of the wrong shape or type, or a time that is not finite or goes backwards.
        """
        if lips is None:
            return []
        frames = _checked_frames(lips, now_s, self._runtime.spec.lips_size)
        latest_s = self._latest_s
        for time_s, _ in frames:
            if time_s < latest_s:
                raise InputError(
                    f"lip crops must come in order of time: {time_s:.3f} s came after {latest_s:.3f} s "
                    "(seconds of input since the start or the last reset)"
                )
            latest_s = time_s
        return frames

    def add(self, frames: list[tuple[float, UInt8]]) -> None:
        """Take frames that `check` passed."""
        self._waiting.extend(frames)
        if frames:
            self._latest_s = frames[-1][0]

    def at(self, time_s: float, enabled: bool) -> tuple[Float32, float]:
        """The embedding of the newest frame captured by this time, and its age in seconds at this time.

        The time must not go backwards. While not `enabled`, frames whose moment comes are dropped without
        the cost of embedding them.
        """
        while self._waiting and self._waiting[0][0] <= time_s:
            captured_s, crop = self._waiting.popleft()
            if enabled:
                self._embedding = self._runtime.encode_lips(crop)
                self._captured_s = captured_s
        if self._captured_s is None or not enabled:
            return self._none, NO_VIDEO_AGE_S
        return self._embedding, time_s - self._captured_s


def _checked_frames(lips: Lips, now_s: float, size: int) -> list[tuple[float, UInt8]]:
    """Time-stamped copies of the crops (a caller may use his array again while a frame still waits)."""
    try:
        stamped = [(now_s, lips)] if isinstance(lips, np.ndarray) else [(float(t), crop) for t, crop in lips]
    except (TypeError, ValueError) as error:
        raise InputError(
            "lips must be a uint8 crop or a sequence of (time_s, crop): [(0.04, crop)] is a frame at 40 ms"
        ) from error
    for time_s, crop in stamped:
        if not isfinite(time_s):
            raise InputError(f"the time of a lip crop must be finite, in seconds, not {time_s}")
        if not isinstance(crop, np.ndarray) or crop.dtype != np.uint8 or crop.shape != (size, size, 3):
            given = (
                f"{crop.dtype} {list(crop.shape)}" if isinstance(crop, np.ndarray) else type(crop).__name__
            )
            raise InputError(f"a lip crop must be uint8 [{size}, {size}, 3] RGB, not {given}")
    return [(time_s, crop.copy()) for time_s, crop in stamped]

"""Which lips count when: frames wait for their moment, are embedded in order, and the last one holds."""

from collections import deque
from collections.abc import Callable, Sequence
from math import inf, isfinite

import numpy as np

from ..core.arrays import Float32, UInt8
from ..errors import InputError
from .runtimes.base import NO_VIDEO_AGE_S, StreamSpec

#: Crops whose mouths differ by less, in grey levels on average, show the same: those of a photograph differ
#: by 0.01 from one to the next and 0.5 at most, those of a speaker by more than 1.8 within any second.
STILL_LEVELS = 0.75
#: Seconds without a movement after which lips no longer count.
STILL_S = 1.0

#: A video frame: a crop ``[96, 96, 3]``, or what the same runtime's `encode_lips` made of one.
Frame = UInt8 | Float32
#: What `Enhancer.process` takes for lips: one frame, or frames with their times in seconds.
Lips = Frame | Sequence[tuple[float, Frame]]


class LipsTimeline:
    """Zero-order hold from video frames to hops, by time stamp: a frame never counts before it was captured.

    A frame that equals the one before it is no news (a frozen camera, a player that fills gaps): it is passed
    over, and the age goes on to rise. Nor does the first frame count before a second one shows that something
    moves: a camera that has stood still from the start is no video at all. And none counts when for a second
    crops have differed by no more than compression and tracking make a photograph differ.

    Args:
        spec: of the model.
        encode_lips: embeds the crops, as `Runtime.encode_lips`. It carries state, so each frame goes through
            it once, in order. Frames that come as embeddings do not go through it.
    """

    def __init__(self, spec: StreamSpec, encode_lips: Callable[[UInt8], Float32]) -> None:
        self._spec, self._encode_lips = spec, encode_lips
        self._none: Float32 = np.zeros(spec.embedding_size, np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget all frames: a new stream begins at time 0."""
        self._waiting: deque[tuple[float, Frame]] = deque()
        self._latest_s = -inf
        self._newest: Frame = self._none
        self._embedding = self._none
        self._captured_s: float | None = None
        self._moves = False
        self._last_pose: Float32 | None = None
        self._moved_s = -inf

    def check(self, lips: Lips | None, now_s: float) -> list[tuple[float, Frame]]:
        """Turn what the caller gave into time-stamped frames, changing nothing.

        Args:
            lips: as in `Enhancer.process`; None for no new frame.
            now_s: the time that a crop without its own gets.

        Raises:
            InputError: a crop of the wrong shape or type, or a time that is not finite or goes backwards.
        """
        if lips is None:
            return []
        frames = _checked_frames(lips, now_s, self._spec)
        latest_s = self._latest_s
        for time_s, _ in frames:
            if time_s < latest_s:
                raise InputError(
                    f"lip crops must come in order of time: {time_s:.3f} s came after {latest_s:.3f} s "
                    "(seconds of input since the start or the last reset)"
                )
            latest_s = time_s
        return frames

    def add(self, frames: list[tuple[float, Frame]]) -> None:
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
            captured_s, frame = self._waiting.popleft()
            if enabled and (self._captured_s is None or not np.array_equal(frame, self._newest)):
                self._moves = self._captured_s is not None
                self._look_for_movement(captured_s, frame)
                self._embedding = self._embedding_of(frame)
                self._newest, self._captured_s = frame, captured_s
        if self._captured_s is None or not (self._moves and enabled):
            return self._none, NO_VIDEO_AGE_S
        if self._captured_s - self._moved_s > STILL_S:
            return self._none, NO_VIDEO_AGE_S
        return self._embedding, time_s - self._captured_s

    def _look_for_movement(self, captured_s: float, frame: Frame) -> None:
        """Note when the mouth last looked unlike it did at the movement before; an embedding always moves."""
        if frame.ndim == 1:
            self._moved_s = captured_s
            return
        size = self._spec.lips_size
        mouth = frame[size // 4 : -size // 4, size // 6 : -size // 6].astype(np.float32)
        if self._last_pose is None:
            self._last_pose = mouth
        elif np.abs(mouth - self._last_pose).mean() > STILL_LEVELS:
            self._last_pose, self._moved_s = mouth, captured_s

    def _embedding_of(self, frame: Frame) -> Float32:
        if frame.ndim == 1:
            return np.asarray(frame, np.float32)
        return self._encode_lips(np.asarray(frame, np.uint8))


def _checked_frames(lips: Lips, now_s: float, spec: StreamSpec) -> list[tuple[float, Frame]]:
    """Time-stamped copies of the frames (a caller may use his array again while a frame still waits)."""
    try:
        stamped = (
            [(now_s, lips)] if isinstance(lips, np.ndarray) else [(float(t), frame) for t, frame in lips]
        )
    except (TypeError, ValueError) as error:
        raise InputError(
            "lips must be a uint8 crop or a sequence of (time_s, crop): [(0.04, crop)] is a frame at 40 ms"
        ) from error
    for time_s, frame in stamped:
        if not isfinite(time_s):
            raise InputError(f"the time of a lip crop must be finite, in seconds, not {time_s}")
        _check_frame(frame, spec)
    return [(time_s, frame.copy()) for time_s, frame in stamped]


def _check_frame(frame: Frame, spec: StreamSpec) -> None:
    given = type(frame).__name__
    if isinstance(frame, np.ndarray):
        given = f"{frame.dtype} {list(frame.shape)}"
        if frame.dtype == np.uint8 and frame.shape == (spec.lips_size, spec.lips_size, 3):
            return
        if frame.dtype == np.float32 and frame.shape == (spec.embedding_size,) and np.isfinite(frame).all():
            return
    raise InputError(
        f"a lip crop must be uint8 [{spec.lips_size}, {spec.lips_size}, 3] RGB, or its embedding finite "
        f"float32 [{spec.embedding_size}], not {given}"
    )

"""Which lips count when: frames wait for their moment, are embedded in order, and the last one holds."""

from collections import deque
from collections.abc import Callable, Sequence
from math import inf, isfinite
from typing import Any

import numpy as np

from ..core.arrays import Float32, UInt8
from ..errors import InputError
from .runtimes.base import NO_VIDEO_AGE_S, StreamSpec
from .video.frames import LipFrame

#: Crops whose mouths differ by less, in grey levels on average, show the same: those of a photograph differ
#: by 0.01 from one to the next and 0.5 at most, those of a speaker by more than 1.8 within any second.
STILL_LEVELS = 0.75
#: Seconds without a movement after which lips no longer count.
STILL_S = 1.0

#: A crop ``[96, 96, 3]``, or its embedding ``[512]``.
Image = UInt8 | Float32
#: What `Enhancer.process` takes for lips: one crop or embedding, or several with their times in seconds.
Lips = Image | Sequence[LipFrame | tuple[float, Image]]


class LipsTimeline:
    """Zero-order hold from video frames to hops, by time stamp: a frame never counts before it was captured.

    A frame that equals the one before it is no news (a frozen camera, a player that repeats): it is passed
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
        self._waiting: deque[LipFrame] = deque()
        self._latest_s = -inf
        self._newest: Image = self._none
        self._embedding = self._none
        self._captured_s: float | None = None
        self._moves = False
        self._last_pose: Float32 | None = None
        self._moved_s = -inf

    def check(self, lips: Lips | None, now_s: float) -> list[LipFrame]:
        """Turn what the caller gave into time-stamped frames, changing nothing.

        Args:
            lips: as in `Enhancer.process`; None for no new frame.
            now_s: the time that a crop without its own gets.

        Raises:
            InputError: a crop of the wrong shape or type, or a time that is not finite or goes backwards.
        """
        if lips is None:
            return []
        frames = _as_frames(lips, now_s)
        latest_s = self._latest_s
        for frame in frames:
            if not isfinite(frame.time_s):
                raise InputError(f"the time of a lip crop must be finite, in seconds, not {frame.time_s}")
            _check_image(_image_of(frame), self._spec)
            if frame.time_s < latest_s:
                raise InputError(
                    f"lip crops must come in order of time: {frame.time_s:.3f} s came after {latest_s:.3f} s "
                    "(seconds of input since the start or the last reset)"
                )
            latest_s = frame.time_s
        return frames

    def add(self, frames: list[LipFrame]) -> None:
        """Take frames that `check` passed."""
        self._waiting.extend(frames)
        if frames:
            self._latest_s = frames[-1].time_s

    def at(self, time_s: float, enabled: bool) -> tuple[Float32, float]:
        """The embedding of the newest frame captured by this time, and its age in seconds at this time.

        The time must not go backwards. While not `enabled`, frames whose moment comes are dropped without
        the cost of embedding them.
        """
        while self._waiting and self._waiting[0].time_s <= time_s:
            frame = self._waiting.popleft()
            image = _image_of(frame)
            if enabled and (self._captured_s is None or not np.array_equal(image, self._newest)):
                self._moves = self._captured_s is not None
                self._look_for_movement(frame.time_s, image)
                self._embedding = image if image.ndim == 1 else self._encode_lips(image)
                self._newest, self._captured_s = image, frame.time_s
        if self._captured_s is None or not (self._moves and enabled):
            return self._none, NO_VIDEO_AGE_S
        if self._captured_s - self._moved_s > STILL_S:
            return self._none, NO_VIDEO_AGE_S
        return self._embedding, time_s - self._captured_s

    def _look_for_movement(self, captured_s: float, image: Image) -> None:
        """Note when the mouth last looked unlike it did at the movement before; an embedding always moves."""
        if image.ndim == 1:
            self._moved_s = captured_s
            return
        size = self._spec.lips_size
        mouth = image[size // 4 : -size // 4, size // 6 : -size // 6].astype(np.float32)
        if self._last_pose is None:
            self._last_pose = mouth
        elif np.abs(mouth - self._last_pose).mean() > STILL_LEVELS:
            self._last_pose, self._moved_s = mouth, captured_s


def _image_of(frame: LipFrame) -> Any:
    """What counts of a frame: the embedding where there is one."""
    return frame.crop if frame.embedding is None else frame.embedding


def _as_frames(lips: Lips, now_s: float) -> list[LipFrame]:
    """Each of the lips with its time, in order."""
    stamped = [(now_s, lips)] if isinstance(lips, np.ndarray) else lips
    try:
        return [each if isinstance(each, LipFrame) else _as_frame(*each) for each in stamped]
    except (TypeError, ValueError) as error:
        raise InputError(
            "lips must be a uint8 crop or a sequence of (time_s, crop): [(0.04, crop)] is a frame at 40 ms"
        ) from error


def _as_frame(time_s: float, image: Any) -> LipFrame:
    """A copy, as a caller may use an array again while the frame still waits."""
    copied = image.copy() if isinstance(image, np.ndarray) else image
    if isinstance(copied, np.ndarray) and copied.ndim == 1:
        return LipFrame(0, float(time_s), embedding=copied)
    return LipFrame(0, float(time_s), copied)


def _check_image(image: Any, spec: StreamSpec) -> None:
    given = type(image).__name__
    if isinstance(image, np.ndarray):
        given = f"{image.dtype} {list(image.shape)}"
        if image.dtype == np.uint8 and image.shape == (spec.lips_size, spec.lips_size, 3):
            return
        if image.dtype == np.float32 and image.shape == (spec.embedding_size,) and np.isfinite(image).all():
            return
    raise InputError(
        f"a lip crop must be uint8 [{spec.lips_size}, {spec.lips_size}, 3] RGB, or its embedding finite "
        f"float32 [{spec.embedding_size}], not {given}"
    )

"""Which lip crops count when: frames wait for their moment, are embedded in order, the last one holds."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np

from ..core.arrays import Float32, UInt8
from ..errors import InputError
from .lips_input import Image, Lips, described, stamped
from .runtimes.base import NO_VIDEO_AGE_S, StreamSpec
from .video.frames import LipFrame

#: Crops whose mouths differ by less, in grey levels on average, show the same: those of a photograph differ
#: by 0.01 from one to the next and 0.5 at most, those of a speaker by more than 1.8 within any second.
STILL_LEVELS = 0.75
#: Seconds without a movement after which lips no longer count.
STILL_S = 1.0


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
            InputError: a crop of the wrong shape or type, landmarks, or a time that is not finite or goes
                backwards.
        """
        return stamped(lips, now_s, self._latest_s, self._check_frame)

    def add(self, frames: list[LipFrame], late_s: float = 0.0) -> None:
        """Take frames that `check` passed; so many seconds are taken off their times."""
        self._waiting.extend(replace(frame, time_s=frame.time_s - late_s) for frame in frames)
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

    def _check_frame(self, frame: LipFrame) -> None:
        image, spec = _image_of(frame), self._spec
        if isinstance(image, np.ndarray):
            if image.dtype == np.uint8 and image.shape == (spec.lips_size, spec.lips_size, 3):
                return
            size = (spec.embedding_size,)
            if image.dtype == np.float32 and image.shape == size and np.isfinite(image).all():
                return
        given = frame.landmarks if image is None else image
        raise InputError(
            f"model '{spec.name}' sees lip crops, uint8 [{spec.lips_size}, {spec.lips_size}, 3] RGB, or its "
            f"embedding of one, finite float32 [{spec.embedding_size}], not {described(given)}: "
            "lipstream.LipReader(lips='crops') makes them of pictures"
        )

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

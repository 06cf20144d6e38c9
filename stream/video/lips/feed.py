"""The lips of a video file, handed out in step with the audio."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ...runtimes.base import LipsKind
from ..frames import LipFrame

if TYPE_CHECKING:  # OpenCV comes with it
    from .faces import Agreement

#: A video may end this much before the audio without a warning.
EARLY_END_S = 1.0


class LipsFeed:
    """Deals out a video's frames up to a time, and counts them.

    Args:
        frames: in order of time; read no further than is asked for.

    Attributes:
        video_frames: frames read so far.
        face_frames: those of them with a usable face.
    """

    def __init__(self, frames: Iterator[LipFrame]) -> None:
        self._frames = frames
        self._next = next(frames, None)
        self._last_s = 0.0
        self.video_frames = 0
        self.face_frames = 0

    def until(self, time_s: float) -> list[LipFrame]:
        """The frames since the last call and up to this time that show lips."""
        lips = []
        while self._next is not None and self._next.time_s <= time_s:
            self.video_frames += 1
            self._last_s = self._next.time_s
            if self._next.shows_lips:
                self.face_frames += 1
                lips.append(self._next)
            self._next = next(self._frames, None)
        return lips

    def ahead(self, time_s: float) -> list[LipFrame]:
        """The frames up to this time, which stay there for `until`."""
        frames = []
        while self._next is not None and self._next.time_s <= time_s:
            frames.append(self._next)
            self._next = next(self._frames, None)
        left = [] if self._next is None else [self._next]
        self._frames = chain(frames, left, self._frames)
        self._next = next(self._frames, None)
        return frames

    def warnings(self, duration_s: float) -> tuple[str, ...]:
        """What was wrong with the video for audio of this length, one line each."""
        if self.face_frames == 0:
            return (f"no usable face in {self.video_frames} video frames: enhanced audio-only",)
        if self._next is None and self._last_s < duration_s - EARLY_END_S:
            return (
                f"the video ends at {self._last_s:.1f} s of {duration_s:.1f} s: audio-only from there on",
            )
        return ()


@contextmanager
def open_lips(
    video: Path | None,
    face_model: Path | None = None,
    lips: LipsKind = "landmarks",
    origin_s: float = 0.0,
    agreement: "Agreement | None" = None,
) -> Iterator[LipsFeed | None]:
    """The feed of a video file, closed at the end; None without video.

    Args:
        video: the file.
        face_model: as in `read_lips`.
        lips: as in `LipReader`.
        origin_s: where on the clock of the video its sound starts, in seconds: time 0 of the frames.
        agreement: as in `LipReader`.

    Raises:
        InputError: the video extra is not installed, or the video or the face model cannot be read.
    """
    if video is None:
        yield None
        return
    from ..files import read_lips

    frames = read_lips(video, face_model, lips, origin_s, agreement)
    try:
        yield LipsFeed(frames)
    finally:
        # An iterator that still holds the file open is a generator; let go of the file now.
        if isinstance(frames, Generator):
            frames.close()

"""Looks now and then how late the lips of a stream are; tells of it, or follows it."""

from collections.abc import Callable
from math import inf

from ..enhancer import Enhancer

#: Lips this much before or after their sound are worth a line.
TELL_MS = 80.0
#: Seconds between two looks.
EVERY_S = 5.0
#: Offsets up to this are left alone: a video frame, which could be the error of a measurement.
LEAST_MS = 40.0
#: Share of the way to each new estimate that is gone once an offset is being followed.
_FOLLOW = 0.3


class OffsetWatch:
    """Watches one enhancer; for one thread, which need not be the one that enhances.

    Args:
        enhancer: whose `av_offset_ms` is followed.
        auto: follow the offset, rather than tell of it.
        already_ms: how much the caller takes off the times itself, for what is told.

    Attributes:
        found_ms: how late the video was at the last look that found it; None before.
    """

    def __init__(self, enhancer: Enhancer, auto: bool = False, already_ms: float = 0.0) -> None:
        self._enhancer, self._auto, self._already_ms = enhancer, auto, already_ms
        self._next_s = EVERY_S
        self._told = self._follows = False
        self.found_ms: float | None = None

    def look(self, now_s: float, tell: Callable[[str], None]) -> None:
        """Look, if it is time to.

        Args:
            now_s: seconds since the stream began.
            tell: told in one line, once, of lips far from their sound.
        """
        if now_s < self._next_s:
            return
        self._next_s = now_s + EVERY_S
        found_ms = self._enhancer.measured_av_offset_ms
        if found_ms is None:
            return
        self.found_ms = found_ms
        off_ms = found_ms - self._enhancer.av_offset_ms
        if self._auto and (self._follows or abs(off_ms) > LEAST_MS):
            self._enhancer.av_offset_ms += off_ms * (_FOLLOW if self._follows else 1.0)
            self._follows = True
        if abs(off_ms) > TELL_MS and not self._told:
            self._told = True
            tell(self._line(found_ms + self._already_ms))

    def finish(self, tell: Callable[[str], None]) -> None:
        """Look a last time, whenever the last look was."""
        self._next_s = -inf
        self.look(0.0, tell)

    def _line(self, late_ms: float) -> str:
        if self._auto:
            return f"{offset_words(late_ms)}: they are moved by it"
        return f"{offset_words(late_ms)}: --av-offset {late_ms:.0f} or --av-offset auto puts them right"


def offset_words(late_ms: float) -> str:
    """Where lips are against their sound, in words."""
    return f"lips come {abs(late_ms):.0f} ms {'after' if late_ms >= 0 else 'before'} their sound"

"""What a session says by itself when its numbers tell of trouble that the user can mend."""

from collections.abc import Callable

from ..devices.endpoints import AudioSource
from ..devices.file_endpoints import FileEndpoint
from ..devices.virtual_endpoint import VirtualEndpoint
from .stats import PipelineStats

#: Seconds after which it can be said that a computer is too slow.
SETTLED_S = 5.0
#: A microphone that is on hears at least its own noise: below this level in dB of full scale,
SILENT_DBFS = -80.0
#: for so many seconds, it may be muted.
SILENT_S = 10.0
#: Sources that are silent for good reasons: a pause in a file, or in what others play.
_MAY_BE_SILENT = (FileEndpoint, VirtualEndpoint)


class Remarks:
    """Says each remark once; that a microphone is silent once for each silence.

    Args:
        tell: told in one line.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told_slow = self._told_damaged = self._told_silent = False
        self._sounded_s = 0.0

    def look(self, now_s: float, stats: PipelineStats, source: AudioSource) -> None:
        """Look at the numbers of a moment.

        Args:
            now_s: seconds since the session started.
            stats: of its pipeline.
            source: what it hears.
        """
        if stats.input_damaged and not self._told_damaged:
            self._told_damaged = True
            self._tell(
                "warning: the input gives NaN or absurd values, which become silence: "
                "try another driver or --rate"
            )
        if now_s > SETTLED_S and stats.rtf > 1.0 and not self._told_slow:
            self._told_slow = True
            self._tell(
                f"warning: this computer is too slow or too busy, computing takes {stats.rtf:.1f} times as "
                "long as the sound lasts: close other programs, or go without camera"
            )
        self._look_for_silence(now_s, stats.input_dbfs, source)

    def _look_for_silence(self, now_s: float, dbfs: float, source: AudioSource) -> None:
        if dbfs > SILENT_DBFS or not source.alive or isinstance(source, _MAY_BE_SILENT):
            self._sounded_s = now_s
            self._told_silent = False
        elif now_s - self._sounded_s >= SILENT_S and not self._told_silent:
            self._told_silent = True
            self._tell(
                f"nothing is heard from '{source.info.name}' for {SILENT_S:g} s: is it muted, itself or in "
                "the sound settings? lipstream devices lists other microphones, for --input"
            )

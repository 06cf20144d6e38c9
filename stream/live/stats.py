"""What a session tells about itself: one frozen look, for the display, for files and for programs."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ...errors import InputError
from .pipeline_stats import PipelineStats

if TYPE_CHECKING:  # OpenCV comes with it
    from ..video.camera_status import CameraStatus


@dataclass(frozen=True)
class DeviceState:
    """A source or a sink.

    Attributes:
        name: as the system calls it.
        rate: in Hz.
        alive: False while it is gone and looked for.
    """

    name: str
    rate: int
    alive: bool


@dataclass(frozen=True)
class LiveStats:
    """One look at a session.

    Attributes:
        running_s: seconds since it started.
        input: where the sound comes from.
        output: where it goes.
        pipeline: levels, latency by stage, load, gaps, drift.
        camera: state, rate, age of the face; None without a camera.
        bypass: whether the sound goes through unchanged.
        mute: whether the output is silent.
        video: whether lips count.
        atten_limit_db: the most by which any sound is attenuated; 100 and above: no limit.
        restarts: how often a device was opened again.
        recorded_s: length of the recording so far; None without one, or after it failed.
    """

    running_s: float
    input: DeviceState
    output: DeviceState
    pipeline: PipelineStats
    camera: "CameraStatus | None"
    bypass: bool
    mute: bool
    video: bool
    atten_limit_db: float
    restarts: int
    recorded_s: float | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON; the latency with its sums."""
        result = asdict(self)
        latency = self.pipeline.latency
        result["pipeline"]["latency"] |= {"added_ms": latency.added_ms, "total_ms": latency.total_ms}
        return result


class StatsFile:
    """Appends one line of JSON for each look; a context manager.

    Args:
        path: a file to append to.
        tell: told in one line, once, if the disk refuses; the session goes on without.

    Raises:
        InputError: it cannot be opened.
    """

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self._path = path
        self._tell = tell
        try:
            # Unbuffered: what a line holds is in the file at once.
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise InputError(
                f"{path} cannot be written ({error.strerror}): choose another --json-stats"
            ) from error

    def write(self, stats: LiveStats) -> None:
        """Append a line."""
        if self._file.closed:
            return
        try:
            self._file.write(json.dumps(stats.as_dict()).encode() + b"\n")
        except OSError as error:
            self._file.close()
            self._tell(f"no more statistics in {self._path}: {error.strerror}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

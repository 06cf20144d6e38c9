"""What a live stream and its session tell about themselves: meters, and one frozen look at all of it."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import exp, isnan, log10
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ...core.arrays import Float32
from ...errors import InputError
from .config import LiveLatency

#: The least level that is shown, in dB.
SILENCE_DBFS = -120.0
#: Seconds over which a level is averaged.
LEVEL_S = 0.3
#: Hops over which computing times are told.
HOPS = 800


@dataclass(frozen=True)
class PipelineStats:
    """One look at a live stream.

    Attributes:
        input_dbfs: level before the enhancer: root mean square over the last 0.3 s, dB of full scale.
        output_dbfs: the same after it.
        alpha: confidence in the video at the last hop, in [0, 1].
        hop_p50_ms: median time that a hop took to compute, over the last 800; 0 before the first.
        hop_p99_ms: its 99th percentile.
        rtf: real-time factor over the same hops: computing time over time of sound.
        input_overflows: blocks that found the input ring full.
        input_damaged: pieces with NaN, infinity or absurd levels, which became silence.
        output_underruns: underruns: times that the output ran dry, which was concealed.
        latency_cuts: times that piled-up sound was dropped.
        drift_ppm: how much faster the source's clock runs than the sink's.
        fill_ms: buffered audio, smoothed over the devices' blocks; NaN while it is not known, see
            `LiveLatency`.
        target_ms: what it is kept at.
        latency: as it is now, by stage.
    """

    input_dbfs: float
    output_dbfs: float
    alpha: float
    hop_p50_ms: float
    hop_p99_ms: float
    rtf: float
    input_overflows: int
    input_damaged: int
    output_underruns: int
    latency_cuts: int
    drift_ppm: float
    fill_ms: float
    target_ms: float
    latency: LiveLatency


class LevelMeter:
    """Follows the level of a signal at a rate in Hz."""

    def __init__(self, rate: int) -> None:
        self._decay = 1 / (LEVEL_S * rate)
        self._power = 0.0

    def update(self, samples: Float32) -> None:
        """Hear the next samples, float32 ``[n]``."""
        if len(samples):
            power = float(np.dot(samples, samples)) / len(samples)
            self._power += (1 - exp(-self._decay * len(samples))) * (power - self._power)

    @property
    def dbfs(self) -> float:
        """Root mean square in dB of full scale, -120 and above."""
        return max(SILENCE_DBFS, 10 * log10(max(self._power, 1e-20)))


class HopTimes:
    """Collects what hops cost to compute; one thread adds, any other reads.

    Args:
        hop: samples a hop.
        rate: of these samples, in Hz.
    """

    def __init__(self, hop: int, rate: int) -> None:
        self._hop = hop
        self._hop_s = hop / rate
        self._times_s = np.zeros(HOPS)
        self._count = 0
        self._samples = 0
        self._busy_s = 0.0

    def add(self, samples: int, busy_s: float) -> None:
        """So many samples went through the enhancer in so many seconds."""
        self._samples += samples
        self._busy_s += busy_s
        if self._samples >= self._hop:
            self._times_s[self._count % HOPS] = self._busy_s * self._hop / self._samples
            self._count += 1
            self._samples, self._busy_s = 0, 0.0

    def percentiles_ms(self) -> tuple[float, float]:
        """Median and 99th percentile of a hop's time in ms; zeros before the first hop."""
        times_s = self._times_s[: min(self._count, HOPS)]
        if not len(times_s):
            return 0.0, 0.0
        median, worst = np.percentile(times_s, (50, 99))
        return 1e3 * float(median), 1e3 * float(worst)

    @property
    def rtf(self) -> float:
        """Computing time over time of sound."""
        count = min(self._count, HOPS)
        return float(self._times_s[:count].mean()) / self._hop_s if count else 0.0


if TYPE_CHECKING:  # OpenCV comes with it
    from ..video.camera.status import CameraStatus


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
        pipeline: levels, latency by stage, load, underruns, drift.
        camera: state, rate, age of the face; None without a camera.
        bypass: whether the sound goes through unchanged.
        mute: whether the output is silent.
        video: whether lips count.
        atten_limit_db: the most by which any sound is attenuated; 100 and above: no limit.
        restarts: how often a device was opened again.
        recorded_s: length of the recording so far; None without one, or after it failed.
        listened: whether a program records the virtual microphone; None without one, or if nobody tells.
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
    listened: bool | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON, which has no NaN: what is not known is None; the latency with its sums."""
        result = asdict(self)
        latency = self.pipeline.latency
        result["pipeline"]["latency"] |= {"added_ms": latency.added_ms, "total_ms": latency.total_ms}
        without_nan: dict[str, Any] = _without_nan(result)
        return without_nan


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    return None if isinstance(value, float) and isnan(value) else value


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

    def __exit__(self, *error: object) -> None:
        self._file.close()

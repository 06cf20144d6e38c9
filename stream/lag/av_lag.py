"""How late the video of a running stream is: its cues and its sound are kept, and compared when asked."""

from collections.abc import Iterable
from math import ceil, inf, isfinite

import numpy as np

from ...core.arrays import Float32
from ..landmarks_timeline import LandmarksTimeline
from ..runtimes.base import Runtime
from ..video.frames import LipFrame
from .estimator import GRID_HZ, BandLevels, Float64, OffsetEstimate, Seen, correlations, estimate_offset

#: Seconds that a stream looks back.
MEMORY_S = 60.0
#: Cues in a second at most.
_CUES_HZ = 25
#: A mouth is compared with the sound at offsets up to so many seconds, once both are known for so
#: many, up to so many ago.
MOUTH_OFFSET_S, MOUTH_LEAST_S, MOUTH_LATEST_S = 0.3, 3.0, 0.1


class HeardSound:
    """The levels of the last of a sound. One thread gives the sound, any may look at what there is.

    Args:
        sample_rate: of the sound, in Hz.
        start_s: when its first sample is, in seconds of the clock that captures go by.
        memory_s: how far it looks back.
    """

    def __init__(self, sample_rate: int, start_s: float = 0.0, memory_s: float = MEMORY_S) -> None:
        self._meter = BandLevels(sample_rate)
        self._rate, self._start_s, self._samples = sample_rate, start_s, 0
        self._levels = _Ring(round(memory_s * GRID_HZ), 5)

    @property
    def end_s(self) -> float:
        """When the last sample was."""
        return self._start_s + self._samples / self._rate

    def hear(self, samples: Float32) -> None:
        """The next samples, float32 ``[n]``."""
        self._samples += len(samples)
        self._levels.extend(self._meter.push(samples))

    def levels(self, since_s: float = -inf) -> tuple[float, Float32]:
        """When the first level from this time on is, and all from it on, float32 ``[steps, 5]``."""
        first, levels = self._levels.last()
        skipped = max(0, ceil((since_s - self._start_s) * GRID_HZ) - first) if isfinite(since_s) else 0
        return self._start_s + (first + skipped) / GRID_HZ, levels[skipped:].astype(np.float32)

    def agreement(self, times_s: Float64, openings: Float64) -> float | None:
        """How well a mouth goes with the sound, in [-1, 1]; None where too little of both is there.

        Args:
            times_s: of its video frames, rising, float64 ``[n]``.
            openings: float64 ``[n]``.
        """
        if not len(times_s):
            return None
        first_s, levels = self.levels(times_s[0] - MOUTH_OFFSET_S)
        # Sound that has only just come does not count: else the choice would depend on how it is cut.
        levels = levels[: max(0, round((times_s[-1] - MOUTH_LATEST_S - first_s) * GRID_HZ))]
        seen = Seen(times_s, openings[:, None])
        curve, seen_s = correlations(seen, levels[:, -1:], first_s, MOUTH_OFFSET_S)
        return float(curve.max()) if seen_s >= MOUTH_LEAST_S else None


class AvLag:
    """Hears the sound of a stream and sees its cues; for threads as `HeardSound`, whose arguments it has."""

    def __init__(self, sample_rate: int, start_s: float = 0.0, memory_s: float = MEMORY_S) -> None:
        self._sound = HeardSound(sample_rate, start_s, memory_s)
        self.hear = self._sound.hear
        self._cues = _Ring(round(memory_s * _CUES_HZ), 6)  # capture, then the means of the cue

    def see(self, captured_s: float, cue: Float32) -> None:
        """The cue of landmarks captured at this time; those of a time that was there already change nothing.

        Args:
            captured_s: as the stamp says, rising.
            cue: float32 ``[10]``, see `Runtime.see`.
        """
        self._cues.extend(np.concatenate([[captured_s], cue[:5]])[None])

    def estimate(self) -> OffsetEstimate:
        """How late the video is against the sound, from what there is; takes about 25 ms for a minute."""
        first_s, levels = self._sound.levels()
        _, cues = self._cues.last()
        new = np.diff(cues[:, 0], prepend=-np.inf) > 0
        seen = Seen(cues[new, 0], cues[new, 1:])
        return estimate_offset(seen, levels, first_s)


def offset_of(
    frames: Iterable[LipFrame], sound: Iterable[Float32], sample_rate: int, runtime: Runtime, memory_s: float
) -> OffsetEstimate:
    """How late the frames of a recording are.

    Args:
        frames: in order, in seconds of the sound; those without landmarks show no face. Asked for when all
            of the sound was.
        sound: float32 ``[n]`` each, one after the other.
        sample_rate: of the sound, in Hz.
        runtime: of a model that sees landmarks, at its start; only its `see` is called.
        memory_s: how much of the end of the recording counts, in seconds.
    """
    lag = AvLag(sample_rate, memory_s=memory_s)
    timeline = LandmarksTimeline(runtime.spec, runtime.see, lag.see)
    for samples in sound:
        lag.hear(samples)
    for frame in frames:
        if frame.landmarks is not None:
            timeline.add([frame])
            timeline.at(frame.time_s, True)
    return lag.estimate()


class _Ring:
    """The last rows of a table that grows; read while another thread writes."""

    def __init__(self, rows: int, columns: int) -> None:
        self._rows = np.zeros((rows, columns))
        self._count = 0

    def extend(self, rows: np.ndarray) -> None:
        for row in rows:
            self._rows[self._count % len(self._rows)] = row
            self._count += 1

    def last(self) -> tuple[int, np.ndarray]:
        """The number of the first row that is there, and all from it on."""
        count = self._count
        first = max(0, count - len(self._rows))
        return first, self._rows[np.arange(first, count) % len(self._rows)]

"""How late video is against the sound: what is seen of a mouth, correlated with the levels of the sound.

Openings of a mouth, cues and levels themselves mislead, as a mouth stays open after words and words come at
a steady pace. Their velocities do not: both differenced over 80 ms and correlated at each lag, they give one
clear peak where video and sound belong together.
"""

from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...core.arrays import Float32
from ...models.config import StftConfig
from ...models.lips.bands import cue_bands

Float64 = npt.NDArray[np.float64]

#: Rate in Hz at which levels are compared, and offsets searched, in seconds either way.
GRID_HZ, MAX_OFFSET_S = 50, 0.74
#: To be trusted: seconds compared, and for one second of them height of the peak and its lead over what is
#: elsewhere. Chance correlations shrink with the square root of the time. Of 9 s of speakers of the GRID
#: corpus 93 % are trusted, at 5 dB of noise 50 %, all of them rightly (within 70 ms); with the sound of other
#: sentences, which in that corpus have the same rhythm, none of 100.
LEAST_S, CORRELATION_1S, MARGIN_1S = 4.5, 0.86, 0.36
#: What is needed however long it lasts.
_LEAST_CORRELATION, _LEAST_MARGIN = 0.1, 0.04

#: Ticks of what is seen, in steps of the grid, and how long a velocity takes, in ticks.
_TICK, _SPAN = 2, 2
#: Frames of video that are so far apart, in seconds, have nothing known between them.
_GAP_S = 0.25
#: So far below the loudest moments, in dB, nothing is speech.
_FLOOR_DB = 40.0
#: From this far on, in steps of the grid, a second peak is another one.
_APART = 10
_MAX_LAG = round(MAX_OFFSET_S * GRID_HZ)


@dataclass(frozen=True)
class OffsetEstimate:
    """How late video is, as far as it can be told.

    Attributes:
        offset_s: how late the video is, in seconds: subtract it from its times. 0 if nothing was found.
        correlation: height of the peak, at most 1.
        margin: its lead over the best offset elsewhere; not positive if another one is as good.
        seen_s: seconds of sound with a visible face, which is all that counts.
        doubts: why not to trust it, a clause each; none if it is good to about a frame.
    """

    offset_s: float
    correlation: float
    margin: float
    seen_s: float
    doubts: tuple[str, ...]

    @property
    def trusted(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.doubts


class BandLevels:
    """Levels of a sound in the bands of a cue and in all, on the grid; in pieces of any length.

    Args:
        sample_rate: in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate, self._step = sample_rate, sample_rate // GRID_HZ
        self._bands = cue_bands(StftConfig(sample_rate, 2 * self._step, self._step))
        self._window = np.hanning(2 * self._step + 1)[:-1].astype(np.float32)
        self._rest = np.zeros(self._step, np.float32)  # begins where the next frame may begin
        self._rest_start = -self._step
        self._count = 0

    def push(self, samples: Float32) -> Float32:
        """The levels in dB that are known by the end of these samples, float32 ``[steps, 5]``."""
        self._rest = np.concatenate([self._rest, samples])
        end, frames = self._rest_start + len(self._rest), []
        while (start := round(self._count * self._rate / GRID_HZ) - self._step) + 2 * self._step <= end:
            frames.append(self._rest[start - self._rest_start :][: 2 * self._step])
            self._count += 1
        if not frames:
            return np.empty((0, self._bands.shape[1]), np.float32)
        self._rest = self._rest[start - self._rest_start :]
        self._rest_start = start
        power = np.square(np.abs(np.fft.rfft(np.stack(frames) * self._window, axis=1)))
        return np.asarray(10 * np.log10(power @ self._bands + 1e-7), np.float32)


class Seen(NamedTuple):
    """What moves in a face: ``values [n, k]`` at ``times_s [n]``, rising; NaN where no face is."""

    times_s: Float64
    values: Float64


def estimate_offset(seen: Seen, levels: Float32, first_s: float = 0.0) -> OffsetEstimate:
    """Estimate how late video is against the sound; see `correlations`."""
    curve, seen_s = correlations(seen, levels, first_s)
    if seen_s == 0.0:
        return OffsetEstimate(0.0, 0.0, 0.0, 0.0, ("no sound with a visible mouth",))
    return _judged(curve, seen_s)


def correlations(
    seen: Seen, levels: Float32, first_s: float = 0.0, most_s: float = MAX_OFFSET_S
) -> tuple[Float64, float]:
    """How well what is seen and what is heard go together at each lag.

    Args:
        seen: cues with their five levels, or openings of a mouth, when captured as their stamps say, in
            seconds of the sound.
        levels: of the sound in as many bands, float32 ``[steps, k]``, see `BandLevels`.
        first_s: when the first of them is, in seconds of the sound.
        most_s: lags searched, either way.

    Returns:
        Mean over the bands of the correlation at each step of the grid from ``-most_s`` on, float64
        ``[lags]``; seconds of sound with a visible face, 0 where there is nothing to compare.
    """
    most_lag = round(most_s * GRID_HZ)
    nothing = np.zeros(2 * most_lag + 1), 0.0
    faces = np.isfinite(seen.values).all(axis=1)
    times_s, values = seen.times_s[faces], seen.values[faces]
    ticks = np.arange(len(levels) // _TICK) * (_TICK / GRID_HZ) + first_s
    if len(times_s) < 2 or len(ticks) <= _SPAN:
        return nothing
    after = np.searchsorted(times_s, ticks).clip(1, len(times_s) - 1)
    inside = (ticks >= times_s[0]) & (ticks <= times_s[-1]) & (np.diff(times_s)[after - 1] <= _GAP_S)
    at_ticks = np.stack([np.interp(ticks, times_s, column) for column in values.T], axis=1)
    shown_speed = at_ticks[_SPAN:] - at_ticks[:-_SPAN]
    known = inside[_SPAN:] & inside[:-_SPAN]
    heard = np.maximum(levels, np.percentile(levels, 99, axis=0) - _FLOOR_DB).astype(np.float64)
    heard_speed = heard[_SPAN * _TICK :] - heard[: -_SPAN * _TICK]
    seen_s = float(known.sum() * _TICK / GRID_HZ)
    if not known.any():
        return nothing
    lags = range(-most_lag, most_lag + 1)
    return np.array([_correlation(shown_speed, known, heard_speed, lag) for lag in lags]), seen_s


def _correlation(shown_speed: Float64, known: npt.NDArray[np.bool_], heard_speed: Float64, lag: int) -> float:
    """Mean over the bands of the correlation of what is seen with what was heard so many steps before."""
    first = max(0, -(-lag // _TICK))  # the first tick whose sound is there
    start = _TICK * first - lag
    count = min(len(shown_speed) - first, (len(heard_speed) - start + _TICK - 1) // _TICK)
    if count < 1:
        return 0.0
    part = slice(first, first + count)
    x = shown_speed[part][known[part]]
    y = heard_speed[start::_TICK][:count][known[part]]
    if len(x) < 2:
        return 0.0
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    power = np.square(x).sum(axis=0) * np.square(y).sum(axis=0)
    return float(((x * y).sum(axis=0) / np.sqrt(np.maximum(power, 1e-12))).mean())


def _judged(curve: Float64, seen_s: float) -> OffsetEstimate:
    """The highest peak of a curve over all lags, and what speaks against it."""
    inner = curve[1:-1]
    is_peak = (inner > curve[:-2]) & (inner >= curve[2:])
    if not is_peak.any():
        return OffsetEstimate(0.0, 0.0, 0.0, seen_s, (f"{seen_s:.0f} s with a visible mouth give no peak",))
    best = 1 + int(np.argmax(np.where(is_peak, inner, -np.inf)))
    elsewhere = np.abs(np.arange(len(curve)) - best) >= _APART
    margin = float(curve[best] - curve[elsewhere].max())
    # The vertex of the parabola through the peak and its neighbours.
    before, peak, after = (float(curve[best + step]) for step in (-1, 0, 1))
    vertex = best + (before - after) / (2 * (before - 2 * peak + after))
    doubts, root = [], sqrt(max(seen_s, 1.0))
    if seen_s < LEAST_S:
        doubts.append(f"{seen_s:.0f} s of sound with a visible mouth are less than {LEAST_S:g} s")
    if peak < max(_LEAST_CORRELATION, CORRELATION_1S / root):
        doubts.append(f"mouth and sound hardly belong together (correlation {peak:.2f})")
    if margin < max(_LEAST_MARGIN, MARGIN_1S / root):
        doubts.append(f"another offset fits about as well (margin {margin:.2f})")
    return OffsetEstimate((vertex - _MAX_LAG) / GRID_HZ, peak, margin, seen_s, tuple(doubts))

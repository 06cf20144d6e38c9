"""How late a camera is against the sound: mouth movement correlated with the speech level.

Openings and levels themselves mislead, as the mouth stays open after words and words come at a steady pace.
Their velocities do not: both smoothed with 1-2-1, differenced, correlated within stretches of three seconds
and averaged over them, they give one clear peak where video and sound belong together.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ...core.arrays import Float32

Float64 = npt.NDArray[np.float64]

#: Rate in Hz at which both signals are compared, and offsets searched, in seconds either way.
GRID_HZ, MAX_OFFSET_S = 100, 0.3
#: To be trusted: seconds of speech, height of the peak, and its lead over what is elsewhere. Of recordings of
#: 27 s by nine speakers of the GRID corpus, this trusts 92 %, all of them rightly (within 40 ms); with the
#: sound of other sentences, which in that corpus have the same rhythm, it trusts 2 %.
TRUSTED_SPEECH_S, TRUSTED_CORRELATION, TRUSTED_MARGIN = 20.0, 0.2, 0.08

#: Distance of the taps of smoothing and difference: one frame at 25 fps.
_STEP = GRID_HZ // 25
_STRETCH = 3 * GRID_HZ
#: A stretch counts if its loudest and quietest tenth are so many dB apart, ...
_MIN_SWING_DB = 12.0
#: ... and the mouth was seen for this share of it, which is where a frame with a face is so near (seconds).
_MIN_SEEN, _SEEN_WITHIN_S = 0.8, 0.15
#: So far below the loudest moment of a stretch, in dB, nothing is speech.
_FLOOR_DB = 40.0
#: From this far on, in steps of the grid, a second peak is another one.
_APART = 8
_MAX_LAG = round(MAX_OFFSET_S * GRID_HZ)


@dataclass(frozen=True)
class OffsetEstimate:
    """What a calibration found.

    Attributes:
        offset_s: how late the video is, in seconds: subtract it from its times. 0 if nothing was found.
        correlation: height of the peak, at most 1.
        margin: its lead over the best offset elsewhere; not positive if another one is as good.
        speech_s: seconds of speech with a visible mouth, which is all that counts.
        doubts: why not to trust it, a clause each; none if it is good to about a frame.
    """

    offset_s: float
    correlation: float
    margin: float
    speech_s: float
    doubts: tuple[str, ...]

    @property
    def trusted(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.doubts


def estimate_offset(
    times_s: Float64, openings: Float64, samples: Float32, sample_rate: int
) -> OffsetEstimate:
    """Estimate how late video is against the sound.

    Args:
        times_s: when each video frame was captured, as its stamp says, float64 ``[n]``, rising, in seconds
            of the sound: 0 is its first sample.
        openings: of the mouth in each frame in distances of the eyes, float64 ``[n]``; NaN: no face.
        samples: the sound, float32 ``[m]``.
        sample_rate: of the sound, in Hz.
    """
    faces = np.isfinite(openings)
    level_db = _level_db(samples, sample_rate)
    if np.count_nonzero(faces) < 2 or len(level_db) == 0:
        return _judged(np.zeros(2 * _MAX_LAG + 1), 0.0)
    grid_s = (np.arange(len(level_db)) + 0.5) / GRID_HZ
    opening_speed = _velocity(np.interp(grid_s, times_s[faces], openings[faces]))
    seen = _near(times_s[faces], grid_s)
    curves = []
    for start in range(_MAX_LAG, len(level_db) - _STRETCH - _MAX_LAG + 1, _STRETCH):
        stretch = slice(start, start + _STRETCH)
        quiet_db, loud_db = np.percentile(level_db[stretch], [10, 90])
        if loud_db - quiet_db < _MIN_SWING_DB or seen[stretch].mean() < _MIN_SEEN:
            continue
        # With a margin for the taps, so that the stretch itself does not feel where it was cut.
        around = level_db[start - 2 * _STEP : start + _STRETCH + 2 * _STEP]
        level_speed = _velocity(_averaged(np.maximum(around, around.max() - _FLOOR_DB)))
        curves.append(_correlations(opening_speed, level_speed[2 * _STEP : -2 * _STEP], start))
    mean = np.mean(curves, axis=0) if curves else np.zeros(2 * _MAX_LAG + 1)
    return _judged(mean, len(curves) * _STRETCH / GRID_HZ)


def _level_db(samples: Float32, sample_rate: int) -> Float64:
    """The level of each step of the grid, float64 ``[seconds * GRID_HZ]``."""
    count = len(samples) * GRID_HZ // sample_rate
    edges = np.arange(count + 1) * sample_rate // GRID_HZ
    power = [np.square(samples[a:b], dtype=np.float64).mean() for a, b in pairwise(edges)]
    return np.asarray(10 * np.log10(np.asarray(power) + 1e-10), dtype=np.float64)


def _near(times_s: Float64, grid_s: Float64) -> npt.NDArray[np.bool_]:
    """Where on the grid one of these times is near."""
    after = np.searchsorted(times_s, grid_s).clip(1, len(times_s) - 1)
    distance_s = np.minimum(np.abs(times_s[after] - grid_s), np.abs(times_s[after - 1] - grid_s))
    return np.asarray(distance_s <= _SEEN_WITHIN_S)


def _averaged(x: Float64) -> Float64:
    """The mean over the length of a frame: what a frame itself does to the movement of the mouth."""
    width = _STEP + 1
    return np.convolve(np.pad(x, width // 2, mode="edge"), np.full(width, 1 / width), "valid")


def _velocity(x: Float64) -> Float64:
    """Smoothed with 1-2-1, then differenced, both symmetrical in time; the length stays, zero at the ends."""
    half = _STEP // 2
    padded = np.pad(x, _STEP, mode="edge")
    smooth = (padded[: -2 * _STEP] + 2 * padded[_STEP:-_STEP] + padded[2 * _STEP :]) / 4
    return np.pad(smooth[2 * half :] - smooth[: -2 * half], half)


def _correlations(opening_speed: Float64, level_speed: Float64, start: int) -> Float64:
    """Correlation coefficient of a stretch of level with the opening at each lag, from -_MAX_LAG on."""
    lags = range(-_MAX_LAG, _MAX_LAG + 1)
    shifted = np.stack([opening_speed[start + lag :][: len(level_speed)] for lag in lags])
    shifted = shifted - shifted.mean(axis=1, keepdims=True)
    centred = level_speed - level_speed.mean()
    power = np.square(shifted).sum(axis=1) * np.square(centred).sum()
    return np.asarray(shifted @ centred / np.sqrt(np.maximum(power, 1e-12)))


def _judged(curve: Float64, speech_s: float) -> OffsetEstimate:
    """The highest peak of a curve over all lags, and what speaks against it."""
    inner = curve[1:-1]
    is_peak = (inner > curve[:-2]) & (inner >= curve[2:])
    if not is_peak.any():
        doubt = f"{speech_s:.0f} s of speech with a visible mouth give no peak"
        return OffsetEstimate(0.0, 0.0, 0.0, speech_s, (doubt,))
    best = 1 + int(np.argmax(np.where(is_peak, inner, -np.inf)))
    elsewhere = np.abs(np.arange(len(curve)) - best) >= _APART
    margin = float(curve[best] - curve[elsewhere].max())
    # The vertex of the parabola through the peak and its neighbours.
    before, peak, after = (float(curve[best + step]) for step in (-1, 0, 1))
    vertex = best + (before - after) / (2 * (before - 2 * peak + after))
    doubts = []
    if speech_s < TRUSTED_SPEECH_S:
        doubts.append(
            f"{speech_s:.0f} s of speech with a visible mouth are less than {TRUSTED_SPEECH_S:.0f} s"
        )
    if peak < TRUSTED_CORRELATION:
        doubts.append(f"mouth and sound hardly belong together (correlation {peak:.2f})")
    if margin < TRUSTED_MARGIN:
        doubts.append(f"another offset fits about as well (margin {margin:.2f})")
    return OffsetEstimate((vertex - _MAX_LAG) / GRID_HZ, peak, margin, speech_s, tuple(doubts))

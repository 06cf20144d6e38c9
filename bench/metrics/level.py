"""Levels: speech should keep its own, or it is over-suppressed; noise should lose it."""

import math

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d
from scipy.signal import lfilter

from .intrusive import SAMPLE_RATE, Wave, check_pair, is_silent

#: Frames of 16 ms at 16 kHz, of which those count whose clean level is within 40 dB of the loudest one: the
#: activity rule of STOI (Taal et al., IEEE TASLP 2011, section II).
FRAME = 256
DYNAMIC_RANGE_DB = 40.0

#: ITU-T P.56, method B: time constant of the envelope, how long speech goes on after it, and how far below
#: the active level it begins. Thresholds go down in steps of a half, here further than for 16 bits.
TIME_CONSTANT_S, HANGOVER_S, MARGIN_DB = 0.03, 0.2, 15.9
THRESHOLDS = 0.5 ** np.arange(1, 25)

#: A frame of speech that has lost more than this counts as over-suppressed.
OVER_SUPPRESSED_DB = 10.0

#: What an enhancer takes to find out that nobody speaks is not counted by `attenuation_db`.
SETTLING_S = 1.0

#: More than this cannot be told from silence, and would rule a mean.
MOST_ATTENUATION_DB = 80.0

Float64 = npt.NDArray[np.float64]


def active_level_db(wave: Wave) -> float:
    """Active speech level over full scale (RMS 1) in dB: ITU-T P.56 (2011), method B.

    The level of the parts where the envelope, held for `HANGOVER_S`, exceeds a threshold `MARGIN_DB` below
    that same level; found between two of `THRESHOLDS`. Without the band limits that P.56 leaves to its user.

    Args:
        wave: float ``[samples]`` at 16 kHz.

    Returns:
        The level; NaN for silence and where nothing stands out from a threshold.
    """
    if is_silent(wave):
        return math.nan
    squared = wave.astype(np.float64) ** 2
    envelope = np.sqrt(squared)
    keep = math.exp(-1 / (SAMPLE_RATE * TIME_CONSTANT_S))
    for _ in range(2):
        envelope = lfilter([1 - keep], [1, -keep], envelope)
    hangover = math.ceil(HANGOVER_S * SAMPLE_RATE)
    # The filter looks at a sample and those before it alone.
    held = maximum_filter1d(envelope, hangover, origin=(hangover - 1) // 2, mode="constant")
    active = np.array([np.count_nonzero(held >= threshold) for threshold in THRESHOLDS])
    reached = active > 0
    level_db = 10 * np.log10(squared.sum() / active[reached])
    above_db = np.maximum.accumulate(level_db - 20 * np.log10(THRESHOLDS[reached]))
    if not reached.any() or above_db[-1] < MARGIN_DB:
        return math.nan
    return float(np.interp(MARGIN_DB, above_db, level_db))


def level_error_db(reference: Wave, estimate: Wave) -> float:
    """Level of the estimate over the level of the reference, in dB, where the reference holds speech.

    Noise that is left raises it and speech that is lost lowers it: read it where little noise is left, on
    clean input before all.

    Args:
        reference, estimate: float ``[samples]`` at 16 kHz, aligned.

    Returns:
        The error, 0 for the same level; NaN for silence and for less than a frame.

    Raises:
        InputError: as `check_pair`.
    """
    check_pair(reference, estimate)
    if is_silent(reference) or is_silent(estimate) or reference.size < FRAME:
        return math.nan
    clean, given = _frame_energies(reference), _frame_energies(estimate)
    active = clean > clean.max() * 10 ** (-DYNAMIC_RANGE_DB / 10)
    spoken, heard = float(np.sum(clean[active])), float(np.sum(given[active]))
    return 10 * math.log10(heard / spoken) if spoken and heard else math.nan


def projected_gain_db(reference: Wave, estimate: Wave) -> float:
    """Level of the reference within the estimate: ``20 log10(<s', s> / |s|^2)``, the gain of the best fit.

    Noise that is left does not count, unlike in `level_error_db`.

    Returns:
        The gain in dB, 0 for the same level; NaN where there is nothing of the reference in the estimate.

    Raises:
        InputError: as `check_pair`.
    """
    check_pair(reference, estimate)
    clean, given = reference.astype(np.float64), estimate.astype(np.float64)
    common = float(clean @ given)
    return 20 * math.log10(common / float(clean @ clean)) if common > 0 else math.nan


def over_suppressed_percent(reference: Wave, estimate: Wave) -> float:
    """Frames of speech that have lost more than `OVER_SUPPRESSED_DB`, in percent of all of them.

    A frame is speech where its level is no further below the active level than P.56's margin.

    Returns:
        The share; NaN where the reference has no active level or less than a frame.

    Raises:
        InputError: as `check_pair`.
    """
    check_pair(reference, estimate)
    level_db = active_level_db(reference)
    if math.isnan(level_db):
        return math.nan
    clean, given = _frame_energies(reference), _frame_energies(estimate)
    speech = clean >= FRAME * 10 ** ((level_db - MARGIN_DB) / 10)
    lost = given < clean * 10 ** (-OVER_SUPPRESSED_DB / 10)
    return 100 * float(np.mean(lost[speech])) if speech.any() else math.nan


def attenuation_db(reference: Wave, estimate: Wave) -> float:
    """How far the estimate lies below a reference of which nothing should remain, such as noise alone.

    Args:
        reference, estimate: float ``[samples]`` at 16 kHz, aligned; the first `SETTLING_S` does not count.

    Returns:
        The attenuation, at most `MOST_ATTENUATION_DB`; NaN where nothing of the reference is left to count.

    Raises:
        InputError: as `check_pair`.
    """
    check_pair(reference, estimate)
    settled = math.ceil(SETTLING_S * SAMPLE_RATE)
    given, left = (
        float(np.sum(np.square(wave[settled:], dtype=np.float64))) for wave in (reference, estimate)
    )
    if given == 0:
        return math.nan
    return min(10 * math.log10(given / left), MOST_ATTENUATION_DB) if left else MOST_ATTENUATION_DB


def _frame_energies(wave: Wave) -> Float64:
    """Of each whole frame, ``[samples // FRAME]``."""
    count = wave.size // FRAME
    frames = wave[: count * FRAME].astype(np.float64).reshape(count, FRAME)
    return np.asarray(np.sum(frames**2, axis=1), np.float64)

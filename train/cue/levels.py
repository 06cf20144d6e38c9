"""The level of a voice in bands, 25 times a second: what a cue foretells."""

import itertools

import numpy as np

from ...core.arrays import Float32
from ...models.lips.bands import BAND_EDGES_HZ
from ...models.lips.landmarks import CUE_UNIT_DB, LEVELS
from ...models.lips.points import TICK_S
from ..data.recordings import SAMPLE_RATE

#: Samples from one tick to the next: 640.
TICK_SAMPLES = round(TICK_S * SAMPLE_RATE)
#: Levels are no lower than this below the loudest of their band.
RANGE_DB = 50.0
_WINDOW = TICK_SAMPLES
_HOP = TICK_SAMPLES // 2
_HANN = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)


def band_levels(sound: Float32) -> Float32:
    """Levels in dB of the four bands of a cue, and of all of them together.

    The level of a tick is the mean of those of two Hann windows of 40 ms, their middles at the tick and 20 ms
    later: it is about the sound from 20 ms before the tick to 40 ms after.

    Args:
        sound: float32 ``[N]`` at 16 kHz.

    Returns:
        float32 ``[N // 640, 5]``, in dB of full scale, no lower than `RANGE_DB` below the top of each.
    """
    ticks = len(sound) // TICK_SAMPLES
    if ticks == 0:
        return np.zeros((0, LEVELS), np.float32)
    padded = np.pad(sound[: ticks * TICK_SAMPLES], (_HOP, _HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][: 2 * ticks]
    power = np.abs(np.fft.rfft(frames * _HANN, axis=1)) ** 2 / (0.25 * _WINDOW**2)
    hz = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)
    bands = [*itertools.pairwise(BAND_EDGES_HZ), (BAND_EDGES_HZ[0], BAND_EDGES_HZ[-1])]
    levels = np.stack(
        [power[:, (hz >= low) & (hz < high)].sum(1) for low, high in bands],
        axis=1,
    )
    decibels = 10.0 * np.log10(levels + 1e-12)
    decibels = np.maximum(decibels, decibels.max(0) - RANGE_DB)
    return np.asarray(decibels.reshape(ticks, 2, LEVELS).mean(1), dtype=np.float32)


def true_cue(sound: Float32) -> Float32:
    """What a cue of this voice would be if lips told all: levels less their mean over the recording.

    Args:
        sound: clean speech of one speaker, float32 ``[N]`` at 16 kHz, some seconds long.

    Returns:
        float32 ``[N // 640, 5]`` in units of `CUE_UNIT_DB`.
    """
    levels = band_levels(sound)
    return levels if not len(levels) else (levels - levels.mean(0)) / np.float32(CUE_UNIT_DB)

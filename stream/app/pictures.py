"""What the page draws, as arrays of pixels: spectrograms, and what the lips did beneath them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...core.arrays import Float32, UInt8

#: Pixels of a picture across, of a spectrogram down, and of each of the two rows of a timeline.
WIDTH, HEIGHT, ROW = 900, 220, 36
#: Levels in dB of full scale between which a spectrogram goes from dark to bright.
DARK_DB, BRIGHT_DB = -90.0, -20.0
_WINDOW_S = 0.025
#: Colours from dark to bright.
_COLOURS = np.array([(13, 8, 36), (84, 24, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)], np.float64)
_PAPER, _ALPHA, _FACE, _NO_FACE = (243, 244, 246), (37, 99, 235), (22, 163, 74), (220, 38, 38)


class Moment(NamedTuple):
    """What the lips did up to a time in seconds, since the moment before.

    Attributes:
        alpha: confidence in the video, in [0, 1].
        frames, faces: of the video, and those of them with a usable face.
    """

    time_s: float
    alpha: float
    frames: int
    faces: int


def spectrogram(wave: Float32, rate: int) -> UInt8:
    """Levels over time and frequency up to half the rate, ``[HEIGHT, WIDTH, 3]``.

    Args:
        wave: float32 ``[n]``, n at least 1.
        rate: in Hz.
    """
    size = round(_WINDOW_S * rate)
    starts = np.linspace(0, max(0, wave.size - size), WIDTH).astype(int)
    padded = np.pad(wave, (0, max(0, size - wave.size)))
    window = np.hanning(size)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[starts] * window
    power = np.abs(np.fft.rfft(frames, axis=1)) / (0.5 * window.sum())
    rows = np.linspace(power.shape[1] - 1, 0, HEIGHT).round().astype(int)
    level = 20 * np.log10(power[:, rows].T + 1e-9)
    bright = np.clip((level - DARK_DB) / (BRIGHT_DB - DARK_DB), 0, 1)
    anchors = np.linspace(0, 1, len(_COLOURS))
    channels = [np.interp(bright, anchors, _COLOURS[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def timeline(moments: Sequence[Moment], duration_s: float) -> UInt8:
    """Alpha as bars over a band that says where a face was seen, ``[2 ROW, WIDTH, 3]``.

    The band is green with a face, red without one, and empty where no video was looked at.
    """
    picture = np.full((2 * ROW, WIDTH, 3), _PAPER, np.uint8)
    start = 0
    for moment in moments:
        end = min(WIDTH, round(moment.time_s / duration_s * WIDTH))
        height = round(moment.alpha * ROW)
        picture[ROW - height : ROW, start:end] = _ALPHA
        if moment.frames:
            picture[ROW + 4 :, start:end] = _FACE if 2 * moment.faces >= moment.frames else _NO_FACE
        start = end
    return picture

"""The gain of what a model cannot hear, by what it did with the highest band that it hears.

Above 8 kHz speech has sibilants and breath, whose spectrum goes on from the band below, as that of most noise
does. So the gain of all that follows the network's gain in the band just below, as in WebRTC's noise
suppressor, whose upper bands share the mean gain of its highest bins. Of the bands tried, the upper quarter
of what the model hears kept as much treble of noisy speech as the upper half, and let less noise through.
"""

import numpy as np

from ...core.arrays import Float32

#: Seconds of sound that a gain is taken from: short, as sibilants begin at once.
WINDOW_S = 0.008
#: The band that it is taken from goes from this share of the highest frequency heard up to that.
LOWEST_SHARE = 0.75
#: Energy of the band in a Hann-windowed spectrum below which it says nothing: white noise of about -100 dBFS.
NOTHING = 1e-7


class TrebleGain:
    """How much of its highest band a network lets through at the end of a hop.

    It is the factor that brings the noisy spectrum nearest to the enhanced one in that band (least squares).
    A band that holds too little to tell counts as closed: treble with nothing beneath it is no voice.

    Args:
        sample_rate: of the hops, in Hz.
        hop: their length.
        highest_hz: the highest frequency that they hold.
    """

    def __init__(self, sample_rate: int, hop: int, highest_hz: float) -> None:
        size = min(hop, round(WINDOW_S * sample_rate))
        highest = highest_hz * size / sample_rate
        bins = np.arange(round(LOWEST_SHARE * highest), round(highest))
        phases = 2 * np.pi * np.arange(size)[:, None] * bins / size
        spectrum = np.concatenate([np.cos(phases), np.sin(phases)], axis=1)
        # For so few bins a product is quicker than NumPy's FFT.
        self._to_band = (np.hanning(size + 1)[1:, None] * spectrum).astype(np.float32)
        self._ends = np.empty((2, size), np.float32)

    def of(self, noisy: Float32, enhanced: Float32, least: float) -> float:
        """The gain of a hop.

        Args:
            noisy: float32 ``[hop]``.
            enhanced: float32 ``[hop]``, the same samples as the network gave them.
            least: the lowest gain, from 0 to 1: the share of the noisy signal in the enhanced one.

        Returns:
            From ``least`` to 1.
        """
        size = self._ends.shape[1]
        self._ends[0], self._ends[1] = noisy[-size:], enhanced[-size:]
        before, after = np.dot(self._ends, self._to_band)
        gain = float(np.dot(before, after)) / (float(np.dot(before, before)) + NOTHING)
        return max(least, min(1.0, gain))

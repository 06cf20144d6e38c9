"""The way to a model's rate and back that loses nothing: what the model cannot hear goes round it.

A stream at the rate R is split into what the model's rate carries, ``low = up(down(x))``, and the rest,
``x - low``: above all what lies above half the model's rate, and whatever the two filters take away. The
output is ``up(enhanced) + gain * (x - low)``. Both resamplers are linear and keep each sample at its own
time, so that the two add up in step, and where the model changes nothing the output is ``x``.

One filter serves for both ways up: with ``gain`` slow against the filter, ``gain * up(down(x))`` is
``up(gain * down(x))``, and the output is ``gain * x + up(enhanced - gain * down(x))``.
"""

import numpy as np
import numpy.typing as npt

from ...core.arrays import Float32
from ...core.buffers import SampleFifo
from .resample import Resampler
from .treble_gain import TrebleGain


class FullBand:
    """One stream on its way through a model: samples in, hops out; enhanced hops in, samples out.

    Output sample n stands for input sample n, whatever the rate, and comes as soon as the enhanced samples
    that it needs are there. While the share of the noisy signal is 1 for a whole window of the model, the
    output is the input, to the bit.

    Args:
        sample_rate: the stream's, in Hz.
        model_rate: the model's, in Hz.
        window: of the model, in samples at its rate, and what it looks ahead. Its output lags its input by
            ``window - hop``.
        hop: of the model.
    """

    def __init__(self, sample_rate: int, model_rate: int, window: int, hop: int) -> None:
        self._window, self._hop = window, hop
        self._to_model = Resampler(sample_rate, model_rate)
        self._from_model = Resampler(model_rate, sample_rate)
        self._rates = sample_rate, model_rate
        self._has_rest = sample_rate != model_rate
        self._gain = TrebleGain(model_rate, hop, min(sample_rate, model_rate) / 2)
        # The outputs of a hop end before it, by as many samples as the filter needs to wait for.
        self._wait = int(self._from_model.inputs_needed(np.array([0]))[0]) - 1
        self._steps = np.arange(2 + hop * sample_rate // model_rate) * (model_rate / sample_rate)
        self._rise = self._output_rise = self._risen(np.arange(hop))
        self._rise_at = (0, 0)  # where and how long `_output_rise` is: between many rates, always the same
        self._input = SampleFifo(4 * -(-window * sample_rate // model_rate))
        self._heard = SampleFifo(4 * window)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._to_model.reset()
        self._from_model.reset()
        self._input.clear()
        self._heard.clear()
        # The model's first samples stand for the time before the stream began.
        self._heard.push(np.zeros(self._window - self._hop, np.float32))
        self._to_skip = self._window - self._hop
        self._before = self._after = 1.0  # the gain before and after the last hop
        self._first = -self._to_skip - self._hop  # the first sample of the last hop
        self._next = 0  # the next output
        # Samples at the model's rate since the share of the noisy signal became 1; before the stream it was.
        self._untouched = self._window

    def push(self, samples: Float32) -> None:
        """Take the next samples, float32 ``[n]``, finite."""
        self._to_model.push(samples)
        if self._has_rest:
            self._input.push(samples)

    def next_hop(self) -> Float32 | None:
        """The next hop for the model, float32 ``[hop]``; None while there are too few samples for it."""
        if self._to_model.ready < self._hop:
            return None
        hop = self._to_model.pull(self._hop)
        self._heard.push(hop)
        return hop

    def take(self, enhanced: Float32, dry: float) -> Float32:
        """The output that a hop completes.

        Args:
            enhanced: float32 ``[hop]``, what the model gave for the oldest hop not yet taken.
            dry: the share of the noisy signal that it was told, 0 to 1.

        Returns:
            float32 ``[n]``, the next samples of the stream.
        """
        noisy = self._heard.view()[: self._hop]
        self._heard.drop(self._hop)
        self._untouched = self._untouched + self._hop if dry == 1.0 else 0
        if self._untouched >= self._window:
            enhanced = noisy  # but for the rounding of the model's transform and back
        if self._has_rest:
            enhanced = self._without_rest(noisy, enhanced, dry)
        skipped = min(self._to_skip, self._hop)
        self._to_skip -= skipped
        self._from_model.push(enhanced[skipped:])
        output = self._from_model.pull(self._from_model.ready)
        return self._with_rest(output) if self._has_rest else output

    def _without_rest(self, noisy: Float32, enhanced: Float32, dry: float) -> Float32:
        """The enhanced hop, less what ``gain * x`` will hold of the same band."""
        self._first += self._hop
        self._before = self._after
        if self._first + self._hop > 0:  # not wholly before the stream began
            self._after = self._gain.of(noisy, enhanced, dry)
        gains = self._between(self._rise)
        gains *= noisy
        return np.subtract(enhanced, gains, out=gains)

    def _with_rest(self, output: Float32) -> Float32:
        """The next outputs, with ``gain * x``."""
        sample_rate, model_rate = self._rates
        count = len(output)
        start = self._next * model_rate - self._first * sample_rate  # in the hop, in steps of both rates
        if (start, count) != self._rise_at:
            self._rise_at = start, count
            self._output_rise = self._risen(self._steps[:count] + start / sample_rate)
        gains = self._between(self._output_rise)
        gains *= self._input.view()[:count]
        output += gains
        self._input.drop(count)
        self._next += count
        return output

    def _between(self, risen: Float32) -> Float32:
        """The gain where it has come so far from that before the last hop to that after it."""
        gains = risen * np.float32(self._after - self._before)
        gains += np.float32(self._before)
        return gains

    def _risen(self, positions: npt.NDArray[np.floating | np.integer]) -> Float32:
        """How far the gain has come, 0 to 1, at positions in samples from the start of a hop.

        It rises straight, and has come where the outputs of the hop end: so no later gain is needed for them.
        """
        share = (positions + 1) / max(1, self._hop - self._wait)
        return np.minimum(np.maximum(share, 0), 1).astype(np.float32)

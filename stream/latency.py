"""How far the output of a stream lags its input, part by part, to the sample."""

from dataclasses import dataclass
from math import gcd
from typing import Self

import numpy as np

from .dsp.resample import Resampler
from .runtimes.base import StreamSpec


@dataclass(frozen=True)
class LatencyBudget:
    """Algorithmic latency: output sample n stands for input sample ``n - total``, for any length of chunk.

    Computing time and sound devices come on top. All counts are in samples at the caller's rate.

    Attributes:
        sample_rate: the caller's rate in Hz.
        window: the analysis window. A hop waits until its last sample is there, and overlap-add holds its
            output back until the last window that reaches it; together that is one window.
        hop: samples between two frames, the part of the window that waiting for a whole hop costs. Not
            added again.
        lookahead: samples of the future the model looks at beyond its window: the sound waits for the lips.
        resampler: both ways between the caller's rate and the model's, with the rounding to whole samples.
    """

    sample_rate: int
    window: int
    hop: int
    lookahead: int
    resampler: int

    @classmethod
    def of(cls, spec: StreamSpec, sample_rate: int) -> Self:
        """The budget of a causal model for a caller at this rate."""
        window = -(-spec.window_samples * sample_rate // spec.sample_rate)
        hop = -(-spec.hop_samples * sample_rate // spec.sample_rate)
        lookahead = -(-spec.lookahead_samples * sample_rate // spec.sample_rate)
        return cls(sample_rate, window, hop, lookahead, _total_lag(spec, sample_rate) - window - lookahead)

    @property
    def total(self) -> int:
        """The whole lag in samples: window, lookahead and resampler."""
        return self.window + self.lookahead + self.resampler

    @property
    def ms(self) -> float:
        """The whole lag in milliseconds."""
        return 1000 * self.total / self.sample_rate

    def as_dict(self) -> dict[str, dict[str, float]]:
        """Each part and the total, as ``{"window": {"samples": ..., "ms": ...}, ...}``."""
        parts = {name: getattr(self, name) for name in ("window", "hop", "lookahead", "resampler", "total")}
        return {
            name: {"samples": samples, "ms": 1000 * samples / self.sample_rate}
            for name, samples in parts.items()
        }


def _total_lag(spec: StreamSpec, sample_rate: int) -> int:
    """The smallest lag at which no output sample is ever late.

    Output sample j needs so many enhanced samples at the model's rate, these need so many whole hops, and
    those so many input samples; the pattern repeats, so the worst of one period is the worst of all.
    """
    to_model = Resampler(sample_rate, spec.sample_rate)
    from_model = Resampler(spec.sample_rate, sample_rate)
    down = spec.sample_rate // gcd(spec.sample_rate, sample_rate)
    up = sample_rate // gcd(spec.sample_rate, sample_rate)
    period = up * (spec.hop_samples // gcd(spec.hop_samples, down))
    outputs = np.arange(period)
    enhanced = from_model.inputs_needed(outputs)
    hops = -(-(enhanced + spec.latency_samples - spec.hop_samples) // spec.hop_samples)
    return int((to_model.inputs_needed(hops * spec.hop_samples - 1) - outputs).max())

"""The measuring of a trial measures right: a known delay, on clocks that jitter, through a changed sound."""

import numpy as np
import pytest

from lipstream.tests.stream.live.probes import Heard, delay_s

RATE, BLOCK = 48_000, 480


@pytest.mark.parametrize("delay", [0.0, 0.0535, 0.4])
def test_a_known_delay_is_found(delay: float) -> None:
    random = np.random.default_rng(0)
    sound = np.repeat(random.standard_normal(7 * 1_000), RATE // 1_000).astype(np.float32)
    # The output has been running for longer, and its samples are counted from there.
    lead = 10_000
    played = np.zeros_like(sound)
    lag = round(delay * RATE)
    played[lag:] = 0.3 * sound[: len(sound) - lag]
    counts = np.arange(0, 5 * RATE, BLOCK, dtype=np.float64) + RATE
    times_s = counts / RATE + 100.0
    heard = Heard(sound[RATE : 6 * RATE], RATE, counts, times_s + 0.004 * random.random(len(counts)))
    given = Heard(played[RATE : 6 * RATE], RATE + lead, counts + lead, times_s)
    # Callbacks come 2 ms late on average at the input alone.
    assert delay_s(heard, given, RATE) == pytest.approx(delay - 0.002, abs=1e-3)

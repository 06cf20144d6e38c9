"""The measuring of a trial measures right: a known delay, on clocks that jitter, through a changed sound."""

import time

import numpy as np
import pytest

from lipstream.tests.stream.live.probes import Heard, Stall, delay_s, increases_noted, stalls_noted
from lipstream.tests.stream.waiting import until

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


def test_stalls_on_every_core_are_noted_and_explain_what_was_missed_soon_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lipstream.tests.stream.live.probes.STALL_S", -1.0)  # every sleep is one
    stalls: list[Stall] = []
    with stalls_noted(stalls):
        time.sleep(2.0)  # they are told at the end alone, and a busy computer starts processes late
    for stall in stalls:
        assert stall.ended_s - stall.begun_s >= 0.002
        assert stall.explains(stall.begun_s)
        assert stall.explains(stall.ended_s + 0.1)
        assert not stall.explains(stall.begun_s - 0.01)
        assert not stall.explains(stall.ended_s + 0.2)


def test_the_times_at_which_a_count_grew_are_noted() -> None:
    counted = 3
    times_s: list[float] = []
    with increases_noted(lambda: counted, times_s):
        time.sleep(0.1)
        assert times_s == []
        counted += 2
        grown_s = time.perf_counter()
        assert until(lambda: len(times_s) == 2)
    assert all(time_s > grown_s for time_s in times_s)

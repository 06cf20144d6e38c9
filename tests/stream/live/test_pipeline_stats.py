"""Meters tell what was heard and what it cost."""

import numpy as np
import pytest

from lipstream.stream.live.stats import SILENCE_DBFS, HopTimes, LevelMeter


@pytest.mark.parametrize("block", [1, 160, 4_000])
def test_a_level_is_told_whatever_the_blocks(block: int) -> None:
    meter = LevelMeter(16_000)
    assert meter.dbfs == SILENCE_DBFS
    for _ in range(32_000 // block):
        meter.update(np.full(block, 0.1, np.float32))
    meter.update(np.zeros(0, np.float32))
    assert meter.dbfs == pytest.approx(-20, abs=0.1)


def test_a_hop_costs_what_its_pieces_cost() -> None:
    times = HopTimes(hop=200, rate=16_000)
    assert times.percentiles_ms() == (0.0, 0.0)
    assert times.rtf == 0
    for _ in range(1_000):
        times.add(120, 0.001)
        times.add(80, 0.002)
    assert times.percentiles_ms() == pytest.approx((3.0, 3.0))
    assert times.rtf == pytest.approx(0.003 / 0.0125)

"""How steady a measurement was."""

import numpy as np
import pytest

from lipstream.bench.speed.measurements import spread_percent


def test_a_steady_measurement_has_no_spread_however_it_varies_inside():
    assert spread_percent([1.0, 3.0] * 50) == 0.0


def test_a_machine_that_slows_down_shows():
    assert spread_percent(np.repeat([1.0, 1.0, 1.0, 1.2, 1.2], 20)) == pytest.approx(20)


def test_one_value_and_zeros_have_no_spread():
    assert spread_percent([2.0]) == 0.0
    assert spread_percent([0.0, 0.0]) == 0.0

"""One size of a preset at a time."""

import shutil
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipstream.bench.machine import fingerprint
from lipstream.bench.speed.candidates import load_untrained
from lipstream.bench.speed.network import scaling
from lipstream.bench.speed.network.scaling import ScalingReport, SizeCost, _with_bands, measure_scaling, power
from lipstream.errors import InputError
from lipstream.models.config import PRESETS, preset
from lipstream.tests.stream.runtimes.test_native import SEPARABLE


@pytest.fixture(autouse=True)
def no_warm_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scaling, "WARM_UP", 0)


@given(st.integers(1, 200))
def test_any_number_of_bands_shares_all_bins(bands: int):
    band = _with_bands(preset("lite"), bands).band
    assert (band.bands, band.covered_bins) == (bands, 200)


def test_more_bands_than_bins_are_refused():
    with pytest.raises(InputError, match="201 bands do not share 200 bins"):
        _with_bands(preset("lite"), 201)


def test_what_grows_with_a_size_is_told_and_the_size_of_the_preset_is_the_preset():
    report = measure_scaling("lite", ["eager"], 2, {"channels": (16, 32), "blocks": (1, 2)})
    costs = {(cost.axis, cost.value): cost for cost in report.costs}
    assert costs["blocks", 2].parameters == costs["channels", 32].parameters
    assert costs["channels", 16].products < costs["channels", 32].products
    assert costs["blocks", 1].state_bytes < costs["blocks", 2].state_bytes
    assert "the time of a hop grows with blocks^" in report.text()
    assert "scaling.lite.blocks_1.eager.hop" in [entry.name for entry in report.measurements()]


@pytest.mark.skipif(
    not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="there is no C++ compiler here"
)
def test_a_preset_without_weights_is_timed_on_native_with_the_state_it_has_in_torch(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setitem(
        PRESETS, "base", SEPARABLE
    )  # its step is built once, for the tests of the runtime too
    eager, native = measure_scaling("base", ["eager", "native"], 1, {"blocks": (1,)}).costs
    assert native.state_bytes == eager.state_bytes == load_untrained(preset("base"), "eager").state_bytes
    assert native.hop_us > 0


def test_a_preset_without_bands_keeps_its_frequencies():
    report = measure_scaling("base", ["eager"], 1, {"bands": (25,), "blocks": (1,)})
    assert [(cost.axis, cost.value) for cost in report.costs] == [("blocks", 1)]


def test_the_power_of_a_cost_that_grows_with_the_square_is_two():
    cost = SizeCost("channels", 1, "eager", 1.0, 0.0, 1.0, 1, 1)
    costs = [replace(cost, value=value, hop_us=3.0 * value**2) for value in (1, 2, 5)]
    assert power(costs, "hop_us") == pytest.approx(2.0)
    series = ScalingReport(fingerprint(), "lite", 1, costs[::-1]).series()
    assert [entry.value for entry in series["channels", "eager"]] == [1, 2, 5]

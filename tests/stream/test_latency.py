"""The declared latency: what it is made of, and that it is enough and not more."""

from dataclasses import replace

import pytest

from lipstream.stream.latency import LatencyBudget
from lipstream.stream.runtimes.base import StreamSpec

LITE = StreamSpec("lite", 16_000, 400, 200, 512, 96)


def test_at_the_models_rate_it_is_one_window() -> None:
    budget = LatencyBudget.of(LITE, 16_000)
    assert budget == LatencyBudget(16_000, window=400, hop=200, lookahead=0, resampler=0)
    assert budget.total == 400
    assert budget.ms == 25.0


@pytest.mark.parametrize("rate", [16_001, 22_050, 44_100, 48_000, 95_999, 96_000, 192_000])
def test_resampling_from_higher_rates_adds_about_three_milliseconds(rate: int) -> None:
    budget = LatencyBudget.of(LITE, rate)
    assert budget.window == pytest.approx(0.025 * rate, abs=1)
    assert 2.9 < 1000 * budget.resampler / rate < 3.1
    assert budget.total == budget.window + budget.lookahead + budget.resampler


def test_resampling_from_8_khz_adds_four_milliseconds() -> None:
    assert LatencyBudget.of(LITE, 8_000).ms == pytest.approx(28.75, abs=0.2)


def test_a_hop_that_does_not_divide_the_window() -> None:
    assert LatencyBudget.of(StreamSpec("odd", 16_000, 512, 160, 512, 96), 16_000).total == 512


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_a_model_that_looks_ahead_says_by_how_much(rate: int) -> None:
    scout = replace(LITE, lookahead_samples=1400)
    plain, ahead = LatencyBudget.of(LITE, rate), LatencyBudget.of(scout, rate)
    assert ahead.lookahead == pytest.approx(0.0875 * rate, abs=1)
    assert ahead.total == pytest.approx(plain.total + 0.0875 * rate, abs=1)
    assert (ahead.window, ahead.hop) == (plain.window, plain.hop)


def test_as_dict_gives_samples_and_milliseconds() -> None:
    parts = LatencyBudget.of(LITE, 48_000).as_dict()
    assert list(parts) == ["window", "hop", "lookahead", "resampler", "total"]
    assert parts["window"] == {"samples": 1200, "ms": 25.0}

"""Resampling by a changing ratio: exact in time, clean in pitch, without a click, for any blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream.core.arrays import Float32
from lipstream.stream.dsp.varispeed import VariableResampler

RATES = [(48_000, 48_000), (44_100, 48_000), (48_000, 44_100), (16_000, 48_000), (48_000, 16_000)]


def sine(hz: float, rate: float, count: int) -> Float32:
    return np.sin(2 * np.pi * hz / rate * np.arange(count)).astype(np.float32)


@pytest.mark.parametrize(("rate_in", "rate_out"), RATES)
@pytest.mark.parametrize("ratio", [0.995, 1.0, 1.000123])
def test_a_tone_comes_out_in_place_and_clean(rate_in: int, rate_out: int, ratio: float) -> None:
    for hz in (300.0, 0.4 * min(rate_in, rate_out)):
        output = VariableResampler(rate_in, rate_out).process(sine(hz, rate_in, rate_in // 10), ratio)
        expected = sine(hz, rate_out * ratio, len(output))
        error = (output - expected)[100:]
        assert 20 * np.log10(np.sqrt(2 * np.mean(error**2))) < -80


@pytest.mark.parametrize(("rate_in", "rate_out"), [(8_000, 8_000), (48_000, 8_000), (8_000, 48_000)])
def test_telephone_sound_takes_a_millisecond_and_stays_clean_enough(rate_in: int, rate_out: int) -> None:
    for hz in (300.0, 3_000.0):
        resampler = VariableResampler(rate_in, rate_out)
        output = resampler.process(sine(hz, rate_in, rate_in // 10), 1.000123)
        error = (output - sine(hz, rate_out * 1.000123, len(output)))[100:]
        assert 20 * np.log10(np.sqrt(2 * np.mean(error**2))) < -40
        assert resampler.delay_s == 0.001


@pytest.mark.parametrize(("rate_in", "rate_out"), RATES)
def test_an_output_waits_for_the_declared_delay_and_no_longer(rate_in: int, rate_out: int) -> None:
    resampler = VariableResampler(rate_in, rate_out)
    made = len(resampler.process(np.zeros(4_800, np.float32)))
    waits_s = 4_800 / rate_in - made / rate_out
    assert waits_s == pytest.approx(resampler.delay_s, abs=1 / rate_out)


@settings(deadline=None)
@given(
    rates=st.sampled_from(RATES),
    blocks=st.lists(st.tuples(st.integers(0, 300), st.floats(0.995, 1.005)), max_size=20),
)
def test_ratios_change_the_number_of_samples_as_they_say(
    rates: tuple[int, int], blocks: list[tuple[int, float]]
) -> None:
    resampler = VariableResampler(*rates)
    made = sum(len(resampler.process(np.ones(count, np.float32), ratio)) for count, ratio in blocks)
    expected = sum(count * ratio for count, ratio in blocks) * rates[1] / rates[0]
    delay = resampler.delay_s * rates[1]
    assert max(0, expected - delay) - 2 <= made <= max(0, expected - delay) + 2 + 0.01 * delay


@settings(deadline=None)
@given(st.lists(st.integers(0, 700), max_size=10))
def test_any_cut_into_blocks_gives_the_same_sound(sizes: list[int]) -> None:
    signal = np.random.default_rng(0).standard_normal(sum(sizes)).astype(np.float32)
    whole = VariableResampler(44_100, 48_000).process(signal, 1.0003)
    resampler = VariableResampler(44_100, 48_000)
    pieces = [resampler.process(part, 1.0003) for part in np.split(signal, np.cumsum(sizes)[:-1])]
    output = np.concatenate([*pieces, np.zeros(0, np.float32)])
    assert output.dtype == np.float32
    assert abs(len(output) - len(whole)) <= 1
    count = min(len(output), len(whole))
    np.testing.assert_allclose(output[:count], whole[:count], atol=1e-5)


def test_a_change_of_ratio_makes_no_click() -> None:
    resampler = VariableResampler(16_000, 16_000)
    tone = sine(440, 16_000, 16_000)
    ratios = [0.995, 1.005] * 50
    output = np.concatenate(
        [resampler.process(part, ratio) for part, ratio in zip(np.split(tone, 100), ratios, strict=True)]
    )[200:]
    # A click would show in the second difference, which for the tone alone is at most (w / rate)^2.
    assert np.abs(np.diff(output, 2)).max() < 1.1 * (2 * np.pi * 440 / 16_000) ** 2

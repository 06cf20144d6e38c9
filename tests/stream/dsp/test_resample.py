"""The resampler: the same samples for any chunking, a delay known to the sample, a clean band."""

import numpy as np
import pytest
import soxr
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lipstream.stream.dsp.resample import Resampler

RATES = [6_000, 8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000]
PAIRS = [(rate, 16_000) for rate in RATES] + [(16_000, rate) for rate in RATES]


def resampled(signal: np.ndarray, rate_in: int, rate_out: int) -> np.ndarray:
    resampler = Resampler(rate_in, rate_out)
    resampler.push(signal.astype(np.float32))
    return resampler.pull(resampler.ready)


def level_db(signal: np.ndarray) -> float:
    return 10 * float(np.log10(np.mean(np.square(signal, dtype=np.float64)) + 1e-30))


@settings(deadline=None, max_examples=40)
@given(pair=st.sampled_from(PAIRS), sizes=st.lists(st.integers(0, 900), max_size=12), seed=st.integers(0, 99))
def test_the_blocks_pulled_do_not_depend_on_the_chunks_pushed(
    pair: tuple[int, int], sizes: list[int], seed: int
) -> None:
    signal = np.random.default_rng(seed).standard_normal(sum(sizes)).astype(np.float32)
    chunked, whole = Resampler(*pair), Resampler(*pair)
    whole.push(signal)
    block = 37
    start = 0
    for size in sizes:
        chunked.push(signal[start : start + size])
        start += size
        while chunked.ready >= block:
            np.testing.assert_array_equal(chunked.pull(block), whole.pull(block))
    assert chunked.ready == whole.ready


@settings(deadline=None, max_examples=12)  # a filter for an odd rate takes a while to make
@given(rate_in=st.integers(6_000, 50_000), pushed=st.integers(0, 2_000))
@example(rate_in=16_000, pushed=1)
@example(rate_in=48_000, pushed=73)
@example(rate_in=192_000, pushed=500)
def test_outputs_are_ready_exactly_when_declared(rate_in: int, pushed: int) -> None:
    resampler = Resampler(rate_in, 16_000)
    resampler.push(np.zeros(pushed, np.float32))
    needed = resampler.inputs_needed(np.arange(resampler.ready + 1))
    assert (needed[:-1] <= pushed).all()
    assert needed[-1] > pushed


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_an_output_waits_one_and_a_half_milliseconds_or_a_bit_more_at_lower_rates_and_a_sample(
    rate_in: int, rate_out: int
) -> None:
    resampler = Resampler(rate_in, rate_out)
    outputs = np.arange(1_000)
    wait_s = resampler.inputs_needed(outputs) / rate_in - outputs / rate_out
    lower = min(rate_in, rate_out)
    assert wait_s.max() <= (24 if lower == 16_000 else 15) / lower + 2 / rate_in


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_output_samples_stand_for_their_own_time(rate_in: int, rate_out: int) -> None:
    lower = min(rate_in, rate_out)
    flat, most_db = (0.89, -75) if lower == 16_000 else (0.88, -50)
    times_in, times_out = np.arange(rate_in // 2) / rate_in, np.arange(rate_out // 2) / rate_out
    for share in (0.05, 0.4, flat):  # of the lower Nyquist frequency
        tone = 2 * np.pi * share * lower / 2
        output = resampled(np.sin(tone * times_in), rate_in, rate_out)
        middle = slice(len(output) // 4, len(output) * 3 // 4)
        assert level_db((output - np.sin(tone * times_out[: len(output)]))[middle]) < most_db


@pytest.mark.parametrize("rate_in", [rate for rate in RATES if rate > 16_000])
def test_what_lies_above_the_band_is_kept_out(rate_in: int) -> None:
    times = np.arange(rate_in // 2) / rate_in
    for tone in np.linspace(8_900, rate_in / 2, 6, endpoint=False):
        output = resampled(np.sin(2 * np.pi * tone * times), rate_in, 16_000)
        assert level_db(output[200:-200]) < -80


@pytest.mark.parametrize("rate", [8_000, 11_025])
def test_what_a_lower_rate_cannot_carry_is_kept_out(rate: int) -> None:
    times = np.arange(8_000) / 16_000
    for tone in np.linspace(1.14 * rate / 2, 8_000, 6, endpoint=False):
        output = resampled(np.sin(2 * np.pi * tone * times), 16_000, rate)
        assert level_db(output[200:-200]) < -57


def test_it_agrees_with_soxr_where_both_pass() -> None:
    noise = np.random.default_rng(0).standard_normal(48_000)
    band = soxr.resample(soxr.resample(noise, 48_000, 12_000, "VHQ"), 12_000, 48_000, "VHQ")
    ours, theirs = resampled(band, 48_000, 16_000), soxr.resample(band, 48_000, 16_000, "VHQ")
    assert level_db(ours[500:15_000] - theirs[500:15_000]) < -75


def test_equal_rates_pass_the_samples_through() -> None:
    signal = np.random.default_rng(0).standard_normal(1_000).astype(np.float32)
    np.testing.assert_array_equal(resampled(signal, 16_000, 16_000), signal)


def test_a_constant_stays_that_constant() -> None:
    for pair in PAIRS:
        output = resampled(np.ones(4_000), *pair)
        np.testing.assert_allclose(output[600:], 1, atol=1e-6)


def test_reset_begins_a_new_stream() -> None:
    signal = np.random.default_rng(0).standard_normal(2_000).astype(np.float32)
    resampler = Resampler(44_100, 16_000)
    resampler.push(signal)
    first = resampler.pull(resampler.ready)
    resampler.reset()
    resampler.push(signal)
    np.testing.assert_array_equal(resampler.pull(resampler.ready), first)


def test_a_long_stream_stays_in_a_small_buffer() -> None:
    resampler = Resampler(96_000, 16_000)
    for _ in range(500):
        resampler.push(np.zeros(480, np.float32))
        resampler.pull(resampler.ready)
    buffer = resampler._inputs.view().base
    assert buffer is not None
    assert buffer.size < 5_000

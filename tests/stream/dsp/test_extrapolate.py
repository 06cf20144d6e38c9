"""Sound carried on: tones go on as they were, nothing grows, and nothing is allocated on the way."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lipstream.core.arrays import Float32
from lipstream.stream.dsp.conceal import Extrapolator

HISTORY, LENGTH = 160, 80


def extended(recent: Float32, length: int = LENGTH) -> Float32:
    out = np.full(length, np.nan, np.float32)
    Extrapolator(len(recent), length).extend(recent, out)
    return out


@pytest.mark.parametrize("hz", [120, 440, 2_200])
@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000, 96_000])
def test_a_tone_goes_on(hz: int, rate: int) -> None:
    history, length = round(0.01 * rate), round(0.005 * rate)
    wave = np.sin(2 * np.pi * hz / rate * np.arange(history + length) + 1).astype(np.float32)
    out = extended(wave[:history], length)
    near = length // 5  # the first millisecond; later the pitch, found in a few periods, is a bit off
    np.testing.assert_allclose(out[:near], wave[history:][:near], atol=0.05)


def test_a_level_stays_and_silence_is_silent() -> None:
    np.testing.assert_allclose(extended(np.full(HISTORY, 0.3, np.float32)), 0.3, rtol=1e-5)
    assert not extended(np.zeros(HISTORY, np.float32)).any()


@settings(deadline=None, max_examples=50)
@given(
    recent=st.integers(2, 200).flatmap(lambda n: arrays(np.float32, n, elements=st.floats(-1, 1, width=32))),
    length=st.integers(1, 200),
)
def test_whatever_was_there_it_stays_below_twice_the_loudest(recent: Float32, length: int) -> None:
    out = extended(recent, length)
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= 2 * np.abs(recent).max()


def test_what_was_extended_before_is_forgotten() -> None:
    noise = np.random.default_rng(0).standard_normal((2, HISTORY)).astype(np.float32)
    extrapolator, outs = Extrapolator(HISTORY, LENGTH), np.zeros((3, LENGTH), np.float32)
    for recent, out in zip(noise[[0, 1, 0]], outs, strict=True):
        extrapolator.extend(recent, out)
    np.testing.assert_array_equal(outs[0], outs[2])


def test_no_buffer_is_allocated() -> None:
    extrapolator, out = Extrapolator(9_600, 4_800), np.zeros(4_800, np.float32)
    recent = np.random.default_rng(0).standard_normal(9_600).astype(np.float32)
    extrapolator.extend(recent, out)
    tracemalloc.start()
    try:
        extrapolator.extend(recent, out)
        assert tracemalloc.get_traced_memory()[1] < 4_800
    finally:
        tracemalloc.stop()

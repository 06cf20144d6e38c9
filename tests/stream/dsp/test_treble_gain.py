"""The gain above the model's band: what the network did just below, never less than the limit allows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream.core.arrays import Float32
from lipstream.stream.dsp.treble_gain import TrebleGain

HOP = 200


def noise(seed: int = 0) -> Float32:
    return (0.05 * np.random.default_rng(seed).standard_normal(HOP)).astype(np.float32)


def tone(hz: float) -> Float32:
    return (0.05 * np.sin(2 * np.pi * hz / 16_000 * np.arange(HOP))).astype(np.float32)


@settings(deadline=None)
@given(gain=st.floats(0, 1), seed=st.integers(0, 99), highest_hz=st.sampled_from([3_000, 4_000, 8_000]))
def test_a_plain_gain_is_found(gain: float, seed: int, highest_hz: float) -> None:
    found = TrebleGain(16_000, HOP, highest_hz).of(noise(seed), np.float32(gain) * noise(seed), 0.0)
    assert found == pytest.approx(gain, abs=1e-4)


def test_the_highest_quarter_of_the_band_alone_counts() -> None:
    gain = TrebleGain(16_000, HOP, 8_000)
    assert gain.of(tone(2_000) + tone(7_000), tone(7_000), 0.0) == pytest.approx(1, abs=0.01)
    assert gain.of(tone(2_000) + tone(7_000), tone(2_000), 0.0) == pytest.approx(0, abs=0.01)


def test_what_has_nothing_beneath_it_is_closed() -> None:
    silence = np.zeros(HOP, np.float32)
    assert TrebleGain(16_000, HOP, 8_000).of(silence, silence, 0.0) == 0


@settings(deadline=None)
@given(least=st.floats(0, 1), seed=st.integers(0, 99), scale=st.floats(-4, 4))
def test_the_gain_stays_between_the_limit_and_one(least: float, seed: int, scale: float) -> None:
    enhanced = np.float32(scale) * noise(seed) + noise(seed + 100)
    assert least <= TrebleGain(16_000, HOP, 8_000).of(noise(seed), enhanced, least) <= 1


@pytest.mark.parametrize("hop", [32, 100, 200, 320])
def test_hops_of_any_length_do(hop: int) -> None:
    wave = np.random.default_rng(0).standard_normal(hop).astype(np.float32)
    assert TrebleGain(16_000, hop, 8_000).of(wave, 0.5 * wave, 0.0) == pytest.approx(0.5, abs=1e-4)

"""The split at the model's band: what it cannot hear is kept in step, follows its gain, and adds up again."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lipstream.core.arrays import Float32
from lipstream.stream.dsp.full_band import FullBand

RATES = [6_000, 8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000]
WINDOW, HOP = 400, 200


def noise(count: int, seed: int = 0) -> Float32:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, count).astype(np.float32)


def through(
    band: FullBand,
    signal: Float32,
    model: Callable[[Float32], Float32] = lambda hop: np.float32(0.9) * hop,
    dry: Callable[[int], float] = lambda hop: 0.0,
    chunk: int = 441,
) -> Float32:
    """A stream through a model without memory, that lags by ``WINDOW - HOP`` as a real one does."""
    given, hops = [np.zeros(HOP, np.float32)], 0
    pieces = [np.empty(0, np.float32)]
    for start in range(0, len(signal), chunk):
        band.push(signal[start : start + chunk])
        while (hop := band.next_hop()) is not None:
            given.append(hop)
            share = np.float32(dry(hops))
            noisy = given.pop(0)
            pieces.append(band.take(share * noisy + (1 - share) * model(noisy), float(share)))
            hops += 1
    return np.concatenate(pieces)


def level_db(signal: Float32) -> float:
    return 10 * float(np.log10(np.mean(np.square(signal, dtype=np.float64)) + 1e-30))


def band_noise(rate: int, from_hz: float, to_hz: float) -> Float32:
    """A second of noise that has a band."""
    spectrum, hz = np.fft.rfft(noise(rate)), np.fft.rfftfreq(rate, 1 / rate)
    return np.fft.irfft(np.where((hz >= from_hz) & (hz <= to_hz), spectrum, 0), rate).astype(np.float32)


def above(signal: Float32, rate: int, from_hz: float) -> Float32:
    """What of a signal lies above a frequency, its first and last tenth left out."""
    spectrum, hz = np.fft.rfft(signal), np.fft.rfftfreq(len(signal), 1 / rate)
    high = np.fft.irfft(np.where(hz >= from_hz, spectrum, 0), len(signal))
    return high[rate // 10 : -rate // 10].astype(np.float32)


@settings(deadline=None, max_examples=8)  # a filter for an odd rate takes a while to make
@given(rate=st.one_of(st.sampled_from(RATES), st.integers(6_000, 50_000)), seed=st.integers(0, 99))
@example(rate=15_999, seed=0)
@example(rate=16_001, seed=0)
def test_the_noisy_signal_alone_is_the_input_to_the_bit(rate: int, seed: int) -> None:
    signal = noise(rate // 10, seed)
    output = through(FullBand(rate, 16_000, WINDOW, HOP), signal, dry=lambda hop: 1.0)
    assert len(output) > len(signal) / 2
    np.testing.assert_array_equal(output, signal[: len(output)])


@settings(deadline=None, max_examples=40)
@given(
    rate=st.sampled_from(RATES),
    sizes=st.lists(st.one_of(st.integers(0, 40), st.integers(0, 5_000)), max_size=10),
    gain=st.floats(0, 1),
)
def test_any_chunking_gives_the_same_samples(rate: int, sizes: list[int], gain: float) -> None:
    signal = noise(sum(sizes))
    chunked, whole = (FullBand(rate, 16_000, WINDOW, HOP) for _ in range(2))
    pieces = [np.empty(0, np.float32)]
    for part in np.split(signal, np.cumsum(sizes)):
        chunked.push(part)
        while (hop := chunked.next_hop()) is not None:
            pieces.append(chunked.take(np.float32(gain) * hop, 0.0))
    whole.push(signal)
    together = [np.empty(0, np.float32)]
    while (hop := whole.next_hop()) is not None:
        together.append(whole.take(np.float32(gain) * hop, 0.0))
    np.testing.assert_array_equal(np.concatenate(pieces), np.concatenate(together))


@pytest.mark.parametrize("rate", [rate for rate in RATES if rate != 16_000])
@pytest.mark.parametrize("gain", [1.0, 0.5, 0.1, 0.0])
def test_a_gain_on_all_that_is_heard_is_the_gain_on_all(rate: int, gain: float) -> None:
    signal = noise(rate // 2)
    output = through(FullBand(rate, 16_000, WINDOW, HOP), signal, lambda hop: np.float32(gain) * hop)
    start = rate // 10
    np.testing.assert_allclose(output[start:], gain * signal[start : len(output)], atol=2e-3)


@pytest.mark.parametrize("rate", [32_000, 44_100, 48_000, 192_000])
@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_treble_follows_the_highest_band_heard_whatever_happens_below_it(rate: int, gain: float) -> None:
    low = 0.3 * np.sin(2 * np.pi * 300 / rate * np.arange(rate)).astype(np.float32)
    signal = low + band_noise(rate, 6_000, 0.45 * rate)

    def model(hop: Float32) -> Float32:  # which keeps the tone: it has a whole number of periods in a hop
        spectrum = np.fft.rfft(hop)
        spectrum[HOP * 2_000 // 16_000 :] *= gain
        return np.fft.irfft(spectrum, HOP).astype(np.float32)

    output = through(FullBand(rate, 16_000, WINDOW, HOP), signal, model)
    expected = level_db(above(signal[: len(output)], rate, 10_000)) + 20 * np.log10(gain)
    assert level_db(above(output, rate, 10_000)) == pytest.approx(expected, abs=0.5)


def test_reset_begins_a_new_stream() -> None:
    band, signal = FullBand(44_100, 16_000, WINDOW, HOP), noise(9_999)
    first = through(band, signal, lambda hop: 0.3 * hop)
    band.reset()
    np.testing.assert_array_equal(through(band, signal, lambda hop: 0.3 * hop), first)

"""16-bit samples through Enhancers: any length, rate and number of channels, and nothing wraps around."""

from collections.abc import Callable
from itertools import pairwise
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipstream import InputError
from lipstream.stream import runtimes
from lipstream.stream.integrations.pcm import PcmEnhancer
from lipstream.stream.video.frames import LipFrame
from lipstream.tests.stream.conftest import PassThrough
from lipstream.tests.stream.faces import face

pytestmark = pytest.mark.usefixtures("pass_through_model")


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-32_768, 32_768, count, np.int16)


def in_pieces(pcm: PcmEnhancer, samples: np.ndarray, sizes: list[int], channels: int) -> np.ndarray:
    edges = np.cumsum([0, *sizes]) * channels
    return np.concatenate([pcm.process(samples[a:b], 16_000, channels) for a, b in pairwise(edges)])


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_every_channel_comes_back_late_and_else_unchanged(channels: int) -> None:
    pcm = PcmEnhancer()
    samples = noise(4_000 * channels)
    out = np.concatenate([pcm.process(samples, 16_000, channels), pcm.flush()])
    np.testing.assert_array_equal(out[400 * channels :], samples)
    assert pcm.latency_ms == 25


@settings(deadline=None, max_examples=30)
@given(sizes=st.lists(st.integers(0, 900), min_size=1, max_size=8), channels=st.integers(1, 2))
def test_any_cut_of_the_stream_gives_the_same_samples(sizes: list[int], channels: int) -> None:
    samples = noise(sum(sizes) * channels)
    whole = PcmEnhancer().process(samples, 16_000, channels)
    np.testing.assert_array_equal(in_pieces(PcmEnhancer(), samples, sizes, channels), whole)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_are_as_good_as_arrays(kind: type) -> None:
    samples = noise(1_000)
    expected = PcmEnhancer().process(samples, 16_000)
    np.testing.assert_array_equal(PcmEnhancer().process(kind(samples.tobytes()), 16_000), expected)


def test_what_is_over_full_scale_is_clipped_and_does_not_wrap_around(
    use_gain: Callable[[float], None],
) -> None:
    use_gain(4.0)
    signal = np.round(20_000 * np.sin(np.arange(4_000) / 5)).astype(np.int16)
    out = PcmEnhancer().process(signal, 16_000)[400:]
    np.testing.assert_array_equal(np.sign(out), np.sign(signal[:-400]))
    assert (out.min(), out.max()) == (-32_768, 32_767)


def test_a_new_rate_or_number_of_channels_begins_a_new_stream_on_the_models_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load = Mock(wraps=runtimes.load_runtime)
    monkeypatch.setattr(runtimes, "load_runtime", load)
    pcm = PcmEnhancer(atten_limit_db=12.0)
    pcm.process(noise(500), 16_000)
    pcm.controls.bypass = True
    assert not pcm.process(noise(300), 48_000)[:300].any()
    assert not pcm.process(noise(300), 48_000, 2)[:300].any()
    assert not pcm.process(noise(300), 16_000)[:300].any()
    assert (pcm.controls.atten_limit_db, pcm.controls.bypass) == (12.0, True)
    assert load.call_count == 2


def test_after_a_flush_a_new_stream_begins() -> None:
    pcm = PcmEnhancer()
    first = np.concatenate([pcm.process(noise(700), 16_000), pcm.flush()])
    second = np.concatenate([pcm.process(noise(700), 16_000), pcm.flush()])
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(("samples", "channels"), [(b"123", 1), (b"123456", 2), (b"12", 0)])
def test_half_samples_are_refused_and_the_stream_goes_on(samples: bytes, channels: int) -> None:
    pcm, other = PcmEnhancer(), PcmEnhancer()
    signal = noise(2_000)
    np.testing.assert_array_equal(pcm.process(signal[:900], 16_000), other.process(signal[:900], 16_000))
    with pytest.raises(InputError, match="no whole number of 16-bit samples"):
        pcm.process(samples, 16_000, channels)
    with pytest.raises(InputError, match="sample_rate must be from 6000"):
        pcm.process(b"1234", 384_000, 2)
    np.testing.assert_array_equal(pcm.process(signal[900:], 16_000), other.process(signal[900:], 16_000))


def test_wrong_settings_are_told_at_once() -> None:
    with pytest.raises(InputError, match="atten_limit_db"):
        PcmEnhancer(atten_limit_db=-1)


def test_controls_reach_every_channel(use_gain: Callable[[float], None]) -> None:
    use_gain(0.0)
    pcm = PcmEnhancer()
    signal = noise(4_000)
    assert not pcm.process(signal, 16_000, 2).any()
    pcm.controls.bypass = True
    pcm.process(signal, 16_000, 2)
    np.testing.assert_array_equal(pcm.process(signal, 16_000, 2)[800:], signal[:-800])
    with pytest.raises(InputError, match="atten_limit_db"):
        pcm.controls.atten_limit_db = -3.0
    pcm.controls.bypass, pcm.controls.atten_limit_db = False, 20.0
    pcm.process(signal, 16_000, 2)
    limited = pcm.process(signal, 16_000, 2)[800:]
    np.testing.assert_allclose(limited, signal[:-800] / 10, atol=1)


def test_lips_that_are_shown_count_from_the_next_samples_on(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = PassThrough(lips="landmarks")
    monkeypatch.setattr("lipstream.stream.runtimes.load_runtime", lambda model, name: runtime)
    pcm = PcmEnhancer()
    block = np.zeros(640, np.int16)
    for mark in (5.0, 10.0, 15.0):
        pcm.show(LipFrame(1, 0.0, landmarks=face(mark)))
        pcm.process(block, 16_000)
    assert [mark for mark, _ in runtime.seen] == [10, 15]
    with pytest.raises(InputError, match=r"LipReader\('landmarks'\)"):
        pcm.show(LipFrame(1, 0.0, np.zeros((96, 96, 3), np.uint8)))


def test_lips_count_from_when_they_were_captured_and_not_in_a_later_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runtime = PassThrough(lips="landmarks")
    monkeypatch.setattr("lipstream.stream.runtimes.load_runtime", lambda model, name: runtime)
    pcm, block = PcmEnhancer(), np.zeros(640, np.int16)  # 40 ms, as long as a tick
    pcm.process(block, 16_000)
    first, captured = pcm.now, []
    for mark in (5.0, 10.0, 15.0):
        captured.append(pcm.now)
        pcm.process(block, 16_000)
        pcm.show(LipFrame(1, 0.0, landmarks=face(mark)), captured[-1])
    pcm.process(block, 16_000)
    ages = [(mark, round(age_s, 6)) for mark, age_s in runtime.seen]
    assert ages == [(10, 0.04), (15, 0.04), (15, 0.08)]
    pcm.reset()
    pcm.show(LipFrame(1, 0.0, landmarks=face(20.0)), first)
    pcm.show(LipFrame(1, 0.0, landmarks=face(25.0)), pcm.now)
    for _ in range(3):
        pcm.process(block, 16_000)
    assert runtime.seen == []


def test_an_error_of_one_channel_begins_all_of_them_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pcm, samples = PcmEnhancer(), noise(4_000)
    first = pcm.process(samples, 16_000, 2)
    with monkeypatch.context() as patch:
        patch.setattr(pcm._enhancers[1]._runtime, "process_hop", Mock(side_effect=MemoryError))
        with pytest.raises(MemoryError):
            pcm.process(samples, 16_000, 2)
    np.testing.assert_array_equal(pcm.process(samples, 16_000, 2), first)

"""Arrays that are there as a whole: they come back as they came, or one line says what is wrong."""

from typing import Any

import numpy as np
import pytest

import lipstream
from lipstream import InputError
from lipstream.core.arrays import Float32
from lipstream.stream.enhancer import Enhancer
from lipstream.tests.stream.faces import face

pytestmark = pytest.mark.usefixtures("pass_through_model")


def noise(*shape: int) -> Float32:
    return np.random.default_rng(0).uniform(-0.5, 0.5, shape).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("count", [1, 399, 5_000])
def test_the_delay_is_taken_out(rate: int, count: int) -> None:
    wave = noise(count)
    enhancer = Enhancer(sample_rate=rate)
    late = np.concatenate([enhancer.process(wave), enhancer.flush()])
    np.testing.assert_array_equal(lipstream.enhance(wave, rate), late[enhancer.latency_samples :])


def test_each_channel_is_a_stream_of_its_own() -> None:
    wave = noise(3, 2_000)
    together = lipstream.enhance(wave, 16_000)
    np.testing.assert_array_equal(together, [lipstream.enhance(channel, 16_000) for channel in wave])
    np.testing.assert_array_equal(lipstream.enhance(wave.T.copy().T, 16_000), together)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int16])
def test_an_array_comes_back_as_it_came(dtype: Any) -> None:
    wave = (noise(2, 3_000) * (32_767 if dtype is np.int16 else 1)).astype(dtype)
    before = wave.copy()
    clean = lipstream.enhance(wave, 16_000)
    assert (clean.dtype, clean.shape) == (wave.dtype, wave.shape)
    np.testing.assert_allclose(clean, wave, atol=1e-3)
    np.testing.assert_array_equal(wave, before)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int16"])
def test_a_tensor_comes_back_as_it_came(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    wave = torch.from_numpy(noise(2, 3_000) * (32_767 if dtype == "int16" else 1)).to(getattr(torch, dtype))
    if wave.is_floating_point():
        wave.requires_grad_()
    clean = lipstream.enhance(wave, 16_000)
    assert (clean.dtype, clean.shape, clean.device) == (wave.dtype, wave.shape, wave.device)
    assert torch.allclose(clean, wave, atol=1e-3)


def test_controls_and_lips_are_those_of_an_enhancer() -> None:
    wave, lips = noise(8_000), [(0.1 * step, face(5.0 * step)) for step in range(5)]
    enhancer = Enhancer("lite", 16_000, atten_limit_db=6)
    late = np.concatenate([enhancer.process(wave, lips), enhancer.flush()])
    clean = lipstream.enhance(wave, 16_000, lips, "lite", atten_limit_db=6)
    np.testing.assert_array_equal(clean, late[400:])
    np.testing.assert_array_equal(lipstream.enhance(wave, 16_000, bypass=True), wave)


@pytest.mark.parametrize(
    ("array", "rate", "fix"),
    [
        (np.zeros((9, 2)), 16_000, r"array \[9, 2\] looks like \[n, channels\]: hand over array.T"),
        (np.zeros((1, 2, 9)), 16_000, "one recording at a time"),
        (np.ones(()), 16_000, r"must be \[n\] or \[channels, n\]"),
        (np.zeros(0), 16_000, "is empty"),
        (np.zeros((0, 9)), 16_000, "is empty"),
        (np.array([0, np.nan]), 16_000, "NaN or infinity"),
        (np.array([0, 1e300]), 16_000, "NaN or infinity"),
        (np.zeros(9, np.int32), 16_000, "int32, whose full scale is not known"),
        (np.zeros(9, bool), 16_000, "not bool"),
        (np.zeros(9, complex), 16_000, "not complex128"),
        ([0.0, 0.0], 16_000, "not list: convert it with np.asarray"),
        (np.zeros(9), 4_000, "sample_rate must be from 6000"),
        (np.zeros(9), "16k", "whole number of Hz"),
    ],
)
def test_what_is_wrong_is_told(array: Any, rate: Any, fix: str) -> None:
    with pytest.raises(InputError, match=fix):
        lipstream.enhance(array, rate)


def test_floats_that_were_not_scaled_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="scale the array to") as warned:
        lipstream.enhance(20_000 * noise(900), 16_000)
    assert warned[0].filename == __file__

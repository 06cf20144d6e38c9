"""The compiled convolution along frequency against torch's: outputs, gradients, memory layouts, threads."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lipstream.kernels.cpu import calls as cpu_calls
from lipstream.kernels.cpu.conv import frequency_conv

pytestmark = pytest.mark.skipif(not cpu_calls.available(), reason="no C++ compiler builds the kernels here")


def inputs(
    channels: int, out_channels: int, taps: int, bins: int, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor, Tensor]:
    """Input, weights, bias; each wants its gradient."""
    generator = torch.Generator().manual_seed(bins)
    shapes = ((2, channels, 3, bins), (out_channels, channels, 1, taps), (out_channels,))
    x, weight, bias = (torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes)
    return x.requires_grad_(), weight.requires_grad_(), bias.requires_grad_()


def gradients(y: Tensor, *leaves: Tensor) -> tuple[Tensor, ...]:
    along = torch.linspace(-1.0, 2.0, y.numel(), dtype=y.dtype).view(y.shape)
    return torch.autograd.grad((y * along).sum(), leaves)


@settings(max_examples=40, deadline=None)
@given(
    channels=st.integers(1, 20),
    out_channels=st.integers(1, 40),
    taps=st.integers(1, 7),
    more=st.integers(0, 30),
    stride=st.integers(1, 4),
    padding=st.integers(0, 3),
)
def test_outputs_and_gradients_are_those_of_torch(
    channels: int, out_channels: int, taps: int, more: int, stride: int, padding: int
) -> None:
    x, weight, bias = inputs(channels, out_channels, taps, taps + more)
    y = frequency_conv(x, weight, bias, stride, padding)
    expected = F.conv2d(x, weight, bias, stride=(1, stride), padding=(0, padding))
    torch.testing.assert_close(y, expected)
    found, wanted = (gradients(out, x, weight, bias) for out in (y, expected))
    for gradient, exact in zip(found, wanted, strict=True):
        torch.testing.assert_close(gradient, exact)


@given(out_channels=st.integers(1, 40), bins=st.integers(3, 30), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_a_prelu_behind_it_is_that_of_torch(out_channels: int, bins: int, seed: int) -> None:
    x, weight, bias = inputs(5, out_channels, 3, bins)
    generator = torch.Generator().manual_seed(seed)
    slope = torch.randn(out_channels, generator=generator, dtype=x.dtype).requires_grad_()  # negative, too
    y = frequency_conv(x, weight, bias, 1, 1, slope)
    expected = F.prelu(F.conv2d(x, weight, bias, padding=(0, 1)), slope)
    torch.testing.assert_close(y, expected)
    found, wanted = (gradients(out, x, weight, bias, slope) for out in (y, expected))
    for gradient, exact in zip(found, wanted, strict=True):
        torch.testing.assert_close(gradient, exact)


def test_the_memory_layout_changes_nothing() -> None:
    x, weight, bias = inputs(5, 7, 3, 11)
    beside = x.detach().to(memory_format=torch.channels_last).requires_grad_()
    sliced = F.pad(x.detach(), (2, 3))[..., 2:-3].requires_grad_()
    results = []
    for version in (x, beside, sliced):
        y = frequency_conv(version, weight, bias, 2, 1)
        results.append((y, *gradients(y, version, weight, bias)))
    for other in results[1:]:
        for tensor, wanted in zip(other, results[0], strict=True):
            torch.testing.assert_close(tensor, wanted)


def test_an_input_without_gradient_gets_none() -> None:
    x, weight, bias = inputs(3, 4, 3, 9)
    frequency_conv(x.detach(), weight, bias, 1, 1).sum().backward()
    assert x.grad is None
    assert weight.grad is not None
    torch.testing.assert_close(bias.grad, torch.full_like(bias, 2 * 3 * 9))


def test_float32_stays_close_to_float64() -> None:
    exact = inputs(24, 24, 3, 201)
    rounded = tuple(tensor.detach().float().requires_grad_() for tensor in exact)
    results = []
    for x, weight, bias in (exact, rounded):
        y = frequency_conv(x, weight, bias, 1, 1)
        results.append((y, *gradients(y, x, weight, bias)))
    for wanted, found in zip(*results, strict=True):
        assert (found - wanted).abs().max() <= 1e-4 * wanted.abs().max()


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_share_the_frames_and_change_nothing(threads: int) -> None:
    x, weight, bias = inputs(6, 8, 3, 17)
    before = torch.get_num_threads()
    results = []
    try:
        for count in (1, threads):
            torch.set_num_threads(count)
            y = frequency_conv(x, weight, bias, 1, 1)
            results.append((y, *gradients(y, x, weight, bias)))
    finally:
        torch.set_num_threads(before)
    for one, many in zip(*results, strict=True):
        torch.testing.assert_close(one, many)

"""Depthwise convolutions over rows, against torch's own convolution."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lipstream.kernels.reference.conv import causal_conv1d, causal_conv1d_step, symmetric_conv1d

ROWS, CHANNELS = 2, 3


def random_inputs(length: int, taps: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x, weight, bias, context."""
    generator = torch.Generator().manual_seed(length * 10 + taps)
    shapes = (ROWS, length, CHANNELS), (CHANNELS, taps), (CHANNELS,), (ROWS, taps - 1, CHANNELS)
    x, weight, bias, context = (torch.randn(shape, generator=generator) for shape in shapes)
    return x, weight, bias, context


def torch_conv(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    y = F.conv1d(x.transpose(1, 2), weight[:, None], bias, padding=padding, groups=CHANNELS)
    return y.transpose(1, 2)


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("taps", [1, 2, 4])
def test_causal_conv_is_torchs_on_the_context_and_the_input(taps: int, with_bias: bool) -> None:
    x, weight, bias, context = random_inputs(9, taps)
    used = bias if with_bias else None
    y, after = causal_conv1d(x, weight, used, context)
    joined = torch.cat([context, x], dim=1)
    torch.testing.assert_close(y, torch_conv(joined, weight, used, 0))
    assert torch.equal(after, joined[:, 9:])


@settings(max_examples=40, deadline=None)
@given(length=st.integers(1, 10), taps=st.integers(1, 5), cut=st.integers(0, 9))
def test_steps_and_chunks_give_the_sequence(length: int, taps: int, cut: int) -> None:
    x, weight, bias, context = random_inputs(length, taps)
    whole, last = causal_conv1d(x, weight, bias, context)

    state, outputs = context, []
    for frame in x.unbind(1):
        y, state = causal_conv1d_step(frame, weight, bias, state)
        outputs.append(y)
    torch.testing.assert_close(torch.stack(outputs, dim=1), whole)
    assert torch.equal(state, last)

    cut = min(cut, length - 1)
    if cut:
        first, state = causal_conv1d(x[:, :cut], weight, bias, context)
        second, state = causal_conv1d(x[:, cut:], weight, bias, state)
        torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
        assert torch.equal(state, last)


def test_causal_conv_never_sees_the_future() -> None:
    x, weight, bias, context = random_inputs(8, 4)
    other = x.clone()
    other[:, 5:] += 1.0
    before, after = (causal_conv1d(v, weight, bias, context)[0] for v in (x, other))
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.equal(before[:, 5], after[:, 5])


def test_step_without_bias() -> None:
    x, weight, _, context = random_inputs(1, 4)
    y, _ = causal_conv1d_step(x[:, 0], weight, None, context)
    torch.testing.assert_close(y, causal_conv1d(x, weight, None, context)[0][:, 0])


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("taps", [1, 3, 5])
def test_symmetric_conv_is_torchs_with_same_padding(taps: int, with_bias: bool) -> None:
    x, weight, bias, _ = random_inputs(7, taps)
    used = bias if with_bias else None
    torch.testing.assert_close(symmetric_conv1d(x, weight, used), torch_conv(x, weight, used, taps // 2))

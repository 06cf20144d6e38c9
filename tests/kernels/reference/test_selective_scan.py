"""The Mamba-1 selective scan: closed forms, the two forms against each other, gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lipstream.kernels.reference import selective_scan as module
from lipstream.kernels.reference.selective_scan import selective_scan, selective_scan_step

Inputs = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


def random_inputs(
    rows: int, length: int, channels: int = 5, d_state: int = 3, dtype: torch.dtype = torch.float32
) -> Inputs:
    """``u, delta, A, B, C, D, h0`` of a sequence."""
    generator = torch.Generator().manual_seed(rows * 1000 + length)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=dtype)

    return (
        normal(rows, length, channels),
        torch.nn.functional.softplus(normal(rows, length, channels)),
        -torch.exp(normal(channels, d_state)),
        normal(rows, length, d_state),
        normal(rows, length, d_state),
        normal(channels),
        normal(rows, channels, d_state),
    )


def step_by_step(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, h: Tensor
) -> tuple[Tensor, Tensor]:
    outputs = []
    for t in range(u.shape[1]):
        y, h = selective_scan_step(u[:, t], delta[:, t], A, B[:, t], C[:, t], D, h)
        outputs.append(y)
    return torch.stack(outputs, dim=1), h


def test_constant_input_follows_the_geometric_series() -> None:
    length, delta, a, b, c, u = 9, 0.3, -0.7, 1.1, 2.0, 0.5
    ones = torch.ones(1, length, 1, dtype=torch.float64)
    y, h = selective_scan(
        u * ones, delta * ones, a * ones[0, :1], b * ones, c * ones, None, torch.zeros(1, 1, 1).double()
    )
    decay = torch.exp(torch.tensor(delta * a, dtype=torch.float64))
    t = torch.arange(1, length + 1, dtype=torch.float64)
    expected = delta * b * u * (1 - decay**t) / (1 - decay)
    torch.testing.assert_close(h[0, 0, 0], expected[-1])
    torch.testing.assert_close(y[0, :, 0], c * expected)


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 3), length=st.integers(1, 12), numbers=st.integers(1, 200))
def test_scan_equals_steps_whatever_fits_a_chunk(rows: int, length: int, numbers: int) -> None:
    inputs = random_inputs(rows, length)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_NUMBERS", numbers)
        y, h = selective_scan(*inputs)
    expected_y, expected_h = step_by_step(*inputs)
    torch.testing.assert_close(y, expected_y, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(h, expected_h, rtol=1e-5, atol=1e-5)


def test_the_state_carries_a_sequence_across_a_cut() -> None:
    u, delta, A, B, C, D, h0 = random_inputs(2, 11)
    whole, last = selective_scan(u, delta, A, B, C, D, h0)
    first, h = selective_scan(u[:, :4], delta[:, :4], A, B[:, :4], C[:, :4], D, h0)
    second, h = selective_scan(u[:, 4:], delta[:, 4:], A, B[:, 4:], C[:, 4:], D, h)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    torch.testing.assert_close(h, last)


def test_the_skip_is_optional_and_only_adds_d_times_u() -> None:
    u, delta, A, B, C, D, h0 = random_inputs(2, 6)
    with_skip, _ = selective_scan(u, delta, A, B, C, D, h0)
    without, _ = selective_scan(u, delta, A, B, C, None, h0)
    torch.testing.assert_close(with_skip, without + D * u)
    stepped, _ = step_by_step(u, delta, A, B, C, None, h0)
    torch.testing.assert_close(without, stepped)


def test_no_input_is_changed() -> None:
    inputs = random_inputs(2, 5)
    copies = [tensor.clone() for tensor in inputs]
    selective_scan(*inputs)
    step_by_step(*inputs)
    for tensor, copy in zip(inputs, copies, strict=True):
        assert torch.equal(tensor, copy)


def test_gradients_are_those_of_finite_differences() -> None:
    inputs = [tensor.requires_grad_() for tensor in random_inputs(1, 4, 2, 2, torch.float64)]
    assert torch.autograd.gradcheck(selective_scan, inputs)

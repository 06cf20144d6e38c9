"""State-space duality: the recurrence is the oracle of every other form, and Mamba-1's scan is its own."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lipstream.kernels.reference import ssd as module
from lipstream.kernels.reference.selective_scan import selective_scan
from lipstream.kernels.reference.ssd import ssd_chunked, ssd_step, ssd_two_sided, ssd_two_sided_long
from lipstream.tests.kernels.recurrence import ssd_sequential


class Inputs(NamedTuple):
    x: Tensor
    dt: Tensor
    A: Tensor
    B: Tensor
    C: Tensor
    D: Tensor


def random_inputs(
    rows: int = 2, length: int = 9, heads: int = 2, head_size: int = 3, d_state: int = 4
) -> Inputs:
    """In float64."""
    generator = torch.Generator().manual_seed(rows * 1000 + length)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    return Inputs(
        x=normal(rows, length, heads, head_size),
        dt=torch.nn.functional.softplus(normal(rows, length, heads)),
        A=-torch.exp(normal(heads)),
        B=normal(rows, length, d_state),
        C=normal(rows, length, d_state),
        D=normal(heads),
    )


def state_of(inputs: Inputs, fill: float = 0.0) -> Tensor:
    """A state that fits the inputs: zeros, or numbers of the size of ``fill``."""
    rows, _, heads, head_size = inputs.x.shape
    shape = (rows, heads, head_size, inputs.B.shape[-1])
    return fill * torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=inputs.x.dtype)


def flipped(inputs: Inputs) -> Inputs:
    x, dt, A, B, C, D = inputs
    return Inputs(x.flip(1), dt.flip(1), A, B.flip(1), C.flip(1), D)


SIZES = {
    "rows": st.integers(1, 3),
    "length": st.integers(1, 14),
    "heads": st.integers(1, 3),
    "head_size": st.integers(1, 4),
    "d_state": st.integers(1, 5),
}


def test_constant_input_follows_the_geometric_series() -> None:
    length, dt, a, b, c, d, x = 9, 0.3, -0.7, 1.1, 2.0, 0.4, 0.5
    ones = torch.ones(1, length, 1, dtype=torch.float64)
    inputs = Inputs(x * ones[..., None], dt * ones, a * ones[0, 0], b * ones, c * ones, d * ones[0, 0])
    y, h = ssd_sequential(*inputs, state_of(inputs))
    decay = torch.exp(torch.tensor(dt * a, dtype=torch.float64))
    t = torch.arange(1, length + 1, dtype=torch.float64)
    expected = dt * b * x * (1 - decay**t) / (1 - decay)
    torch.testing.assert_close(h.flatten(), expected[-1:])
    torch.testing.assert_close(y.flatten(), c * expected + d * x)


@settings(max_examples=20, deadline=None)
@given(**SIZES)
def test_the_recurrence_is_mamba_1_with_one_decay_a_head(**sizes: int) -> None:
    inputs = random_inputs(**sizes)
    x, dt, A, B, C, D = inputs
    size, h = sizes["head_size"], state_of(inputs, 1.0)
    y, last = ssd_sequential(*inputs, h)
    expected_y, expected_last = selective_scan(
        x.flatten(2),
        dt.repeat_interleave(size, -1),
        A.repeat_interleave(size)[:, None].expand(-1, sizes["d_state"]),
        B,
        C,
        D.repeat_interleave(size),
        h.flatten(1, 2),
    )
    torch.testing.assert_close(y.flatten(2), expected_y)
    torch.testing.assert_close(last.flatten(1, 2), expected_last)


@settings(max_examples=40, deadline=None)
@given(chunk=st.integers(1, 20), **SIZES)
def test_chunks_give_the_recurrence_and_its_state(chunk: int, **sizes: int) -> None:
    inputs = random_inputs(**sizes)
    h = state_of(inputs, 1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", chunk)
        y, last = ssd_chunked(*inputs, h)
    expected_y, expected_last = ssd_sequential(*inputs, h)
    torch.testing.assert_close(y, expected_y)
    torch.testing.assert_close(last, expected_last)


@settings(max_examples=30, deadline=None)
@given(cut=st.integers(1, 13), **SIZES)
def test_the_state_carries_a_sequence_across_a_cut(cut: int, **sizes: int) -> None:
    inputs = random_inputs(**(sizes | {"length": sizes["length"] + cut}))
    x, dt, A, B, C, D = inputs
    h = state_of(inputs, 1.0)
    whole, last = ssd_chunked(*inputs, h)
    first, h = ssd_chunked(x[:, :cut], dt[:, :cut], A, B[:, :cut], C[:, :cut], D, h)
    second, h = ssd_chunked(x[:, cut:], dt[:, cut:], A, B[:, cut:], C[:, cut:], D, h)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    torch.testing.assert_close(h, last)


@pytest.mark.parametrize("two_sided", [ssd_two_sided, ssd_two_sided_long])
@settings(max_examples=30, deadline=None)
@given(**SIZES)
def test_two_sided_is_forward_plus_flipped_minus_the_diagonal(
    two_sided: Callable[..., Tensor], **sizes: int
) -> None:
    inputs = random_inputs(**sizes)
    x, dt, _, B, C, D = inputs
    ahead, _ = ssd_sequential(*inputs, state_of(inputs))
    back, _ = ssd_sequential(*flipped(inputs), state_of(inputs))
    own = (B * C).sum(-1)[..., None, None] * dt[..., None] * x
    # Each scan counts a position itself and the skip: one of each is enough.
    torch.testing.assert_close(two_sided(*inputs), ahead + back.flip(1) - own - x * D[:, None])


@pytest.mark.parametrize("two_sided", [ssd_two_sided, ssd_two_sided_long])
def test_two_sided_has_no_direction(two_sided: Callable[..., Tensor]) -> None:
    inputs = random_inputs(length=40)
    torch.testing.assert_close(two_sided(*flipped(inputs)).flip(1), two_sided(*inputs))


def test_float32_stays_close_over_several_chunks() -> None:
    exact = random_inputs(length=3 * module.CHUNK + 5, d_state=16)
    inputs = Inputs(*(tensor.float() for tensor in exact))
    h = state_of(inputs, 1.0)
    expected, expected_last = ssd_sequential(*inputs, h)
    y, last = ssd_chunked(*inputs, h)
    for found, wanted in ((y, expected), (last, expected_last)):
        assert (found - wanted).abs().max() <= 1e-5 * wanted.abs().max()


@pytest.mark.parametrize("two_sided", [ssd_two_sided, ssd_two_sided_long])
def test_strong_decay_neither_overflows_nor_spoils_gradients(two_sided: Callable[..., Tensor]) -> None:
    """The exponents of what a form masks out reach +4000 here; none of them may be taken."""
    x, dt, A, B, C, D = (tensor.float() for tensor in random_inputs(length=40))
    dt = (100.0 * torch.ones_like(dt)).requires_grad_()
    inputs = Inputs(x, dt, -torch.ones_like(A), B, C, D)
    own = (B * C).sum(-1)[..., None, None] * dt[..., None] * x + x * D[:, None]
    for y in (two_sided(*inputs), ssd_chunked(*inputs, state_of(inputs))[0]):
        torch.testing.assert_close(y, own)
        (gradient,) = torch.autograd.grad(y.sum(), dt)
        assert torch.isfinite(gradient).all()


def test_no_input_is_changed() -> None:
    inputs = random_inputs()
    h = state_of(inputs, 1.0)
    copies = [tensor.clone() for tensor in (*inputs, h)]
    ssd_step(inputs.x[:, 0], inputs.dt[:, 0], inputs.A, inputs.B[:, 0], inputs.C[:, 0], inputs.D, h)
    ssd_chunked(*inputs, h)
    ssd_two_sided(*inputs)
    ssd_two_sided_long(*inputs)
    for tensor, copy in zip((*inputs, h), copies, strict=True):
        assert torch.equal(tensor, copy)


@pytest.mark.parametrize("form", [ssd_two_sided, ssd_two_sided_long])
def test_gradients_are_those_of_finite_differences(form: Callable[..., Tensor]) -> None:
    inputs = [tensor.requires_grad_() for tensor in random_inputs(1, 4, 2, 2, 2)]
    assert torch.autograd.gradcheck(form, inputs)


def test_gradients_of_chunks_are_those_of_finite_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 3)
    inputs = random_inputs(1, 5, 2, 2, 2)
    tensors = [tensor.requires_grad_() for tensor in (*inputs, state_of(inputs, 1.0))]
    assert torch.autograd.gradcheck(ssd_chunked, tensors)

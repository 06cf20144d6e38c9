"""The compiled filter against a complex sum: outputs, gradients, memory layouts, threads."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lipstream.kernels.cpu import calls as cpu_calls
from lipstream.kernels.cpu.filter import deep_filter

pytestmark = pytest.mark.skipif(not cpu_calls.available(), reason="no C++ compiler builds the kernels here")


def inputs(taps: int, frames: int, bins: int, batch: int = 2) -> tuple[Tensor, Tensor]:
    """A spectrum with its past, and filters that want their gradient, in float64."""
    generator = torch.Generator().manual_seed(bins)
    shapes = ((batch, 2, taps - 1 + frames, bins), (batch, frames, bins, taps, 2))
    spectrum, filters = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes)
    return spectrum, filters.requires_grad_()


def by_torch(spectrum: Tensor, filters: Tensor, limit: float) -> Tensor:
    x, h = torch.complex(*spectrum.unbind(1)), torch.complex(*filters.unbind(-1))
    h = h / torch.sqrt(1 + (h.real.square() + h.imag.square()) / limit**2)
    _, frames, _, taps = h.shape
    past = (x[:, taps - 1 - k : taps - 1 - k + frames] for k in range(taps))
    y = torch.stack([h[..., k] * frame for k, frame in enumerate(past)]).sum(0)
    return torch.stack([y.real, y.imag], dim=1)


@settings(max_examples=25, deadline=None)
@given(taps=st.integers(1, 5), frames=st.integers(1, 6), bins=st.integers(1, 40), limit=st.floats(0.5, 4.0))
def test_outputs_and_gradients_are_those_of_torch(taps: int, frames: int, bins: int, limit: float) -> None:
    spectrum, filters = inputs(taps, frames, bins)
    y, expected = deep_filter(spectrum, filters, limit), by_torch(spectrum, filters, limit)
    torch.testing.assert_close(y, expected)
    along = torch.linspace(-1.0, 2.0, y.numel(), dtype=y.dtype).view(y.shape)
    found, wanted = (torch.autograd.grad((out * along).sum(), filters) for out in (y, expected))
    torch.testing.assert_close(found, wanted)


def test_the_memory_layout_changes_nothing() -> None:
    spectrum, filters = inputs(3, 4, 11)
    scattered = torch.stack([filters.detach(), filters.detach()], dim=2)[:, :, 0].requires_grad_()
    others = (spectrum.transpose(1, 2).contiguous().transpose(1, 2), scattered)
    results = []
    for x, h in ((spectrum, filters), others):
        y = deep_filter(x, h, 2.0)
        results.append((y, *torch.autograd.grad(y.transpose(2, 3).square().sum(), h)))
    torch.testing.assert_close(results[0], results[1])


def test_float32_stays_close_to_float64() -> None:
    spectrum, filters = inputs(3, 5, 201)
    results = []
    for dtype in (torch.float64, torch.float32):
        h = filters.detach().to(dtype).requires_grad_()
        y = deep_filter(spectrum.to(dtype), h, 2.56)
        results.append((y, *torch.autograd.grad(y.square().sum(), h)))
    for wanted, found in zip(*results, strict=True):
        assert (found - wanted).abs().max() <= 1e-5 * wanted.abs().max()


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_share_the_frames_and_change_nothing(threads: int) -> None:
    spectrum, filters = inputs(2, 3, 17)
    before = torch.get_num_threads()
    results = []
    try:
        for count in (1, threads):
            torch.set_num_threads(count)
            y = deep_filter(spectrum, filters, 2.0)
            results.append((y, *torch.autograd.grad(y.square().sum(), filters)))
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(results[0], results[1], rtol=0.0, atol=0.0)

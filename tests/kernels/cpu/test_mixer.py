"""The compiled mixer kernel against plain torch: outputs, states, gradients, threads."""

from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lipstream.kernels.cpu import calls as cpu_calls
from lipstream.kernels.cpu.mixer import MixerWeights, residual_mixer
from lipstream.kernels.reference.conv import causal_conv1d, symmetric_conv1d
from lipstream.kernels.reference.ssd import ssd_chunked, ssd_two_sided

EPS = 1e-5


class Case(NamedTuple):
    """Sizes of one call: odd ones, a chunk of a causal scan and more, and those of the shipped model."""

    rows: tuple[int, int]
    length: int
    channels: int
    inner: int
    d_state: int
    heads: int
    taps: int

    def inputs(self, dtype: torch.dtype = torch.float64) -> tuple[Tensor, MixerWeights]:
        """What goes into the kernel; every tensor wants its gradient."""
        generator = torch.Generator().manual_seed(self.length)

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator, dtype=dtype)

        mixed = self.inner + 2 * self.d_state
        x = normal(*self.rows, self.length, self.channels)
        weights = MixerWeights(
            norm=normal(self.channels),
            in_proj=normal(self.inner + mixed + self.heads, self.channels) / self.channels**0.5,
            taps=normal(mixed, self.taps),
            bias=normal(mixed),
            dt_bias=normal(self.heads),
            A=-torch.exp(normal(self.heads)),
            D=normal(self.heads),
            gate_norm=normal(self.inner),
            out_proj=normal(self.channels, self.inner) / self.inner**0.5,
        )
        return x.requires_grad_(), MixerWeights(*(weight.requires_grad_() for weight in weights))


#: With an odd number of taps, which have a centre, as two directions need.
CASES = [
    Case((1, 3), 7, 5, 10, 3, 2, 3),
    Case((2, 1), 1, 3, 4, 2, 1, 5),
    Case((1, 1), 2, 17, 6, 1, 3, 5),
    Case((1, 5), 13, 6, 15, 7, 5, 1),
    Case((3, 1), 33, 4, 8, 3, 2, 3),
    Case((1, 2), 70, 3, 4, 2, 1, 3),
    Case((2, 2), 9, 32, 64, 16, 4, 3),
    Case((1, 2), 5, 20, 34, 8, 2, 3),
]
EVEN = [
    Case((1, 2), 6, 5, 8, 3, 2, 4),
    Case((2, 1), 41, 32, 64, 16, 4, 4),
    Case((1, 1), 1, 3, 4, 2, 2, 2),
]
DIRECTIONS = pytest.mark.parametrize("two_sided", [False, True], ids=["causal", "two-sided"])
CALLS = pytest.mark.parametrize(
    ("case", "two_sided"),
    [(case, two_sided) for case in CASES for two_sided in (False, True)] + [(case, False) for case in EVEN],
)


@pytest.fixture
def compiled() -> None:
    if not cpu_calls.available():
        pytest.skip("no C++ compiler builds the kernel here")


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight


def reference(
    x: Tensor, weights: MixerWeights, two_sided: bool, eps: float = EPS
) -> tuple[Tensor, Tensor, Tensor]:
    """The same out of the torch kernels: output, state, last inputs of the convolution."""
    inner, heads = weights.gate_norm.numel(), weights.D.numel()
    states, taps = (weights.taps.shape[0] - inner) // 2, weights.taps.shape[1]
    rows = x.flatten(0, 1)
    projected = rms_norm(rows, weights.norm, eps) @ weights.in_proj.T
    z, mixed, dt = projected.split([inner, inner + 2 * states, heads], dim=-1)
    context = mixed.new_zeros(len(rows), taps - 1, mixed.shape[-1])
    convolved, recent = causal_conv1d(mixed, weights.taps, weights.bias, context)
    if two_sided:
        convolved = symmetric_conv1d(mixed, weights.taps, weights.bias)
    heard, b, c = F.silu(convolved).split([inner, states, states], dim=-1)
    heard, dt = heard.unflatten(-1, (heads, -1)), F.softplus(dt + weights.dt_bias)
    h = heard.new_zeros(len(rows), heads, inner // heads, states)
    y, last = ssd_chunked(heard, dt, weights.A, b, c, weights.D, h)
    if two_sided:
        y = ssd_two_sided(heard, dt, weights.A, b, c, weights.D)
    gated = rms_norm(y.flatten(-2) * F.silu(z), weights.gate_norm, eps)
    out = rows + gated @ weights.out_proj.T
    shape = x.shape[:2]
    return out.view(x.shape), last.flatten(1, 2).unflatten(0, shape), recent.unflatten(0, shape)


def gradients(out: Tensor, x: Tensor, weights: MixerWeights) -> tuple[Tensor, ...]:
    """Of a weighted sum of ``out`` that no symmetry of the kernel can hide behind."""
    along = torch.linspace(-1.0, 2.0, out.numel(), dtype=out.dtype).view(out.shape)
    return torch.autograd.grad((out * along).sum(), (x, *weights))


def error(found: Tensor, exact: Tensor) -> float:
    """Relative to the norm of what is exact, which may be 0."""
    return float((found - exact).detach().norm() / (exact.detach().norm() + 1e-2))


@pytest.mark.usefixtures("compiled")
@CALLS
def test_outputs_states_and_gradients_are_those_of_torch(case: Case, two_sided: bool) -> None:
    x, weights = case.inputs()
    out, carried = residual_mixer(x, weights, two_sided, EPS)
    expected, ssm, conv = reference(x, weights, two_sided)
    torch.testing.assert_close(out, expected)
    if two_sided:
        assert carried is None
    else:
        assert carried is not None
        torch.testing.assert_close(carried.ssm, ssm.detach())
        torch.testing.assert_close(carried.conv, conv.detach())
    for gradient, wanted in zip(gradients(out, x, weights), gradients(expected, x, weights), strict=True):
        torch.testing.assert_close(gradient, wanted, rtol=1e-7, atol=1e-9)


@pytest.mark.usefixtures("compiled")
@DIRECTIONS
@pytest.mark.parametrize("axes", [(0, 2, 1, 3), (1, 0, 2, 3), (0, 1, 2, 3)], ids=["time", "turned", "plain"])
def test_rows_may_lie_any_way_in_memory(axes: tuple[int, ...], two_sided: bool) -> None:
    case = Case((2, 5), 7, 6, 8, 3, 2, 3)
    x, weights = case.inputs()
    lying = x.permute(axes).contiguous().permute(axes)  # each of these permutations is its own inverse
    gapped = torch.stack([lying, lying], dim=2)[:, :, 0]
    results = [residual_mixer(rows, weights, two_sided, EPS)[0] for rows in (x, lying, gapped)]
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])
    found = [gradients(out, x, weights) for out in results]
    for plain, other, third in zip(*found, strict=True):
        torch.testing.assert_close(plain, other)
        torch.testing.assert_close(plain, third)


@pytest.mark.usefixtures("compiled")
@DIRECTIONS
def test_gradients_are_those_of_finite_differences(two_sided: bool) -> None:
    x, weights = Case((1, 2), 3, 3, 4, 2, 2, 3).inputs()

    def out_of(x: Tensor, *weights: Tensor) -> Tensor:
        return residual_mixer(x, MixerWeights(*weights), two_sided, EPS)[0]

    assert torch.autograd.gradcheck(out_of, (x, *weights))


@pytest.mark.usefixtures("compiled")
@CALLS
def test_float32_stays_close_to_float64(case: Case, two_sided: bool) -> None:
    x, weights = case.inputs()
    expected = reference(x, weights, two_sided)[0]
    wanted = (expected, *gradients(expected, x, weights))
    x = x.detach().float().requires_grad_()
    weights = MixerWeights(*(weight.detach().float().requires_grad_() for weight in weights))
    out, _ = residual_mixer(x, weights, two_sided, EPS)
    for found, exact in zip((out, *gradients(out, x, weights)), wanted, strict=True):
        assert found.dtype == torch.float32
        assert (found - exact).abs().max() <= 1e-4 * exact.abs().max() + 1e-6


@pytest.mark.usefixtures("compiled")
@DIRECTIONS
@pytest.mark.parametrize("threads", [2, 3, 8])
def test_threads_share_the_rows_and_change_nothing(threads: int, two_sided: bool) -> None:
    x, weights = Case((2, 3), 45, 32, 64, 16, 4, 3).inputs()
    before = torch.get_num_threads()
    results = []
    try:
        for count in (1, threads):
            torch.set_num_threads(count)
            out, _ = residual_mixer(x, weights, two_sided, EPS)
            results.append((out, gradients(out, x, weights)))
    finally:
        torch.set_num_threads(before)
    (out, found), (other_out, others) = results
    assert torch.equal(out, other_out)
    for gradient, other in zip(found, others, strict=True):
        assert error(other, gradient) < 1e-9


@pytest.mark.usefixtures("compiled")
@DIRECTIONS
def test_large_numbers_stay_finite_and_right(two_sided: bool) -> None:
    """Gates, step sizes and activations far outside what their functions can tell apart."""
    x, weights = Case((1, 2), 40, 32, 64, 16, 4, 3).inputs(torch.float32)
    loud = weights._replace(in_proj=(300.0 * weights.in_proj).detach().requires_grad_())
    out, carried = residual_mixer(x, loud, two_sided, EPS)
    assert error(out, reference(x, loud, two_sided)[0]) < 1e-3
    for tensor in (*(carried or ()), *gradients(out, x, loud)):
        assert torch.isfinite(tensor).all()


@pytest.mark.usefixtures("compiled")
def test_what_a_stream_carries_on_has_no_gradient() -> None:
    x, weights = CASES[0].inputs()
    _, carried = residual_mixer(x, weights, False, EPS)
    assert carried is not None
    assert not carried.ssm.requires_grad
    assert not carried.conv.requires_grad

"""The compiled mixer kernel against plain torch: outputs, states, gradients, threads, and life without it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lipstream.kernels import cpu_mixer
from lipstream.kernels.conv import causal_conv1d, symmetric_conv1d
from lipstream.kernels.cpu_mixer import MixerWeights, mixer_core
from lipstream.kernels.ssd import ssd_chunked, ssd_two_sided

EPS = 1e-5


class Case(NamedTuple):
    """Sizes of one call. The kernel has its own code for an inner width of 64 or 96 with 16 states."""

    rows: int
    length: int
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
        projected = normal(self.rows, self.length, self.inner + mixed + self.heads)
        weights = MixerWeights(
            taps=normal(mixed, self.taps),
            bias=normal(mixed),
            dt_bias=normal(self.heads),
            A=-torch.exp(normal(self.heads)),
            D=normal(self.heads),
            norm=normal(self.inner),
        )
        return projected.requires_grad_(), MixerWeights(*(weight.requires_grad_() for weight in weights))


#: With an odd number of taps, which have a centre, as two directions need.
CASES = [
    Case(3, 7, 10, 3, 2, 3),
    Case(2, 1, 4, 2, 1, 5),
    Case(1, 2, 6, 1, 3, 5),
    Case(5, 13, 15, 7, 5, 1),
    Case(3, 9, 64, 16, 4, 3),
    Case(2, 9, 96, 16, 6, 3),
    Case(2, 5, 64, 8, 4, 3),
]
EVEN = [Case(2, 6, 8, 3, 2, 4), Case(2, 9, 64, 16, 4, 4), Case(1, 1, 4, 2, 2, 2)]
DIRECTIONS = pytest.mark.parametrize("two_sided", [False, True], ids=["causal", "two-sided"])
CALLS = pytest.mark.parametrize(
    ("case", "two_sided"),
    [(case, two_sided) for case in CASES for two_sided in (False, True)] + [(case, False) for case in EVEN],
)


@pytest.fixture
def compiled() -> None:
    if not cpu_mixer.available():
        pytest.skip("no C++ compiler builds the kernel here")


@pytest.fixture
def unloaded() -> Iterator[None]:
    """The library is looked for anew in the test, and again after it."""
    cpu_mixer._library.cache_clear()
    yield
    cpu_mixer._library.cache_clear()


def reference(
    projected: Tensor, weights: MixerWeights, d_state: int, two_sided: bool
) -> tuple[Tensor, Tensor]:
    """The same out of the torch kernels."""
    inner, heads = weights.norm.numel(), weights.D.numel()
    rows, _, width = projected.shape
    z, mixed, dt = projected.split([inner, width - inner - heads, heads], dim=-1)
    if two_sided:
        mixed = symmetric_conv1d(mixed, weights.taps, weights.bias)
    else:
        context = mixed.new_zeros(rows, weights.taps.shape[1] - 1, mixed.shape[-1])
        mixed, _ = causal_conv1d(mixed, weights.taps, weights.bias, context)
    x, b, c = F.silu(mixed).split([inner, d_state, d_state], dim=-1)
    x, dt = x.unflatten(-1, (heads, -1)), F.softplus(dt + weights.dt_bias)
    h = x.new_zeros(rows, heads, inner // heads, d_state)
    y, last = ssd_chunked(x, dt, weights.A, b, c, weights.D, h)
    if two_sided:
        y = ssd_two_sided(x, dt, weights.A, b, c, weights.D)
    gated = y.flatten(-2) * F.silu(z)
    scale = torch.rsqrt(gated.square().mean(-1, keepdim=True) + EPS)
    return gated * scale * weights.norm, last.flatten(1, 2)


def gradients(out: Tensor, projected: Tensor, weights: MixerWeights) -> tuple[Tensor, ...]:
    """Of a weighted sum of ``out`` that no symmetry of the kernel can hide behind."""
    along = torch.linspace(-1.0, 2.0, out.numel(), dtype=out.dtype).view_as(out)
    return torch.autograd.grad((out * along).sum(), (projected, *weights))


@pytest.mark.usefixtures("compiled")
@CALLS
def test_outputs_states_and_gradients_are_those_of_torch(case: Case, two_sided: bool) -> None:
    projected, weights = case.inputs()
    out, last = mixer_core(projected, weights, case.d_state, two_sided, EPS)
    expected, expected_last = reference(projected, weights, case.d_state, two_sided)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(last, expected_last.detach())
    found = gradients(out, projected, weights)
    for gradient, wanted in zip(found, gradients(expected, projected, weights), strict=True):
        torch.testing.assert_close(gradient, wanted, rtol=1e-7, atol=1e-9)


@pytest.mark.usefixtures("compiled")
@DIRECTIONS
def test_gradients_are_those_of_finite_differences(two_sided: bool) -> None:
    case = Case(2, 3, 4, 2, 2, 3)
    projected, weights = case.inputs()

    def out_of(projected: Tensor, *weights: Tensor) -> Tensor:
        return mixer_core(projected, MixerWeights(*weights), case.d_state, two_sided, EPS)[0]

    assert torch.autograd.gradcheck(out_of, (projected, *weights))


@pytest.mark.usefixtures("compiled")
@CALLS
def test_float32_stays_close_to_float64(case: Case, two_sided: bool) -> None:
    projected, weights = case.inputs()
    expected, expected_last = reference(projected, weights, case.d_state, two_sided)
    wanted = (expected, expected_last, *gradients(expected, projected, weights))
    projected = projected.detach().float().requires_grad_()
    weights = MixerWeights(*(weight.detach().float().requires_grad_() for weight in weights))
    out, last = mixer_core(projected, weights, case.d_state, two_sided, EPS)
    for found, exact in zip((out, last, *gradients(out, projected, weights)), wanted, strict=True):
        assert found.dtype == torch.float32
        assert (found - exact).abs().max() <= 1e-4 * exact.abs().max() + 1e-6


@pytest.mark.usefixtures("compiled")
@DIRECTIONS
@pytest.mark.parametrize("threads", [2, 3, 8])
def test_threads_share_the_rows_and_change_nothing(threads: int, two_sided: bool) -> None:
    case = Case(5, 6, 64, 16, 4, 3)
    projected, weights = case.inputs()
    before = torch.get_num_threads()
    results = []
    try:
        for count in (1, threads):
            torch.set_num_threads(count)
            out, last = mixer_core(projected, weights, case.d_state, two_sided, EPS)
            results.append((out, last, gradients(out, projected, weights)))
    finally:
        torch.set_num_threads(before)
    (out, last, found), (other_out, other_last, others) = results
    assert torch.equal(out, other_out)
    assert torch.equal(last, other_last)
    for gradient, other in zip(found, others, strict=True):
        torch.testing.assert_close(gradient, other)


@pytest.mark.usefixtures("compiled")
def test_large_numbers_stay_finite() -> None:
    """Gates, step sizes and activations far outside what their functions can tell apart."""
    case = Case(2, 5, 8, 2, 2, 3)
    projected, weights = case.inputs(torch.float32)
    loud = (300.0 * projected).detach().requires_grad_()
    for two_sided in (False, True):
        out, last = mixer_core(loud, weights, case.d_state, two_sided, EPS)
        expected, _ = reference(loud, weights, case.d_state, two_sided)
        torch.testing.assert_close(out, expected, rtol=1e-3, atol=1e-3)
        for tensor in (last, *gradients(out, loud, weights)):
            assert torch.isfinite(tensor).all()


@pytest.mark.usefixtures("compiled")
def test_the_state_carries_no_gradient() -> None:
    case = CASES[0]
    projected, weights = case.inputs()
    _, last = mixer_core(projected, weights, case.d_state, False, EPS)
    assert last.shape == (case.rows, case.inner, case.d_state)
    assert not last.requires_grad


@pytest.mark.usefixtures("compiled")
def test_the_library_leaves_the_arithmetic_of_its_process_alone() -> None:
    """A library linked with -ffast-math would make the whole process flush denormal numbers to zero."""
    assert (torch.tensor(1e-40) * 1.0).item() > 0.0


@pytest.mark.usefixtures("compiled")
def test_it_serves_full_precision_on_cpu_only() -> None:
    assert cpu_mixer.serves(torch.zeros(1))
    assert cpu_mixer.serves(torch.zeros(1, dtype=torch.float64))
    assert not cpu_mixer.serves(torch.zeros(1, dtype=torch.bfloat16))
    assert not cpu_mixer.serves(torch.zeros(1, device="meta"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not cpu_mixer.serves(torch.zeros(1))


@pytest.mark.usefixtures("unloaded")
def test_without_a_compiler_it_is_not_available_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_: None)
    assert not cpu_mixer.available()
    projected, weights = CASES[0].inputs()
    with pytest.raises(RuntimeError, match="torch reference"):
        mixer_core(projected, weights, CASES[0].d_state, False, EPS)


@pytest.mark.usefixtures("unloaded")
def test_a_compiler_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "c++"
    broken.write_text('#!/bin/sh\nfor output; do :; done\necho half > "$output"\nexit 1\n')
    broken.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda *_: str(broken))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert not cpu_mixer.available()
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


@pytest.mark.usefixtures("unloaded")
def test_a_cache_that_cannot_be_written_means_no_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(occupied))
    assert not cpu_mixer.available()

"""Scans of whole sequences: mamba-ssm on CUDA where it imports, torch elsewhere, one result."""

import sys
from types import ModuleType
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lipstream.kernels import sequences
from lipstream.kernels.reference.selective_scan import selective_scan
from lipstream.kernels.reference.ssd import ssd_chunked
from lipstream.kernels.sequences import MambaSsm, mamba_ssm, ssd_scan
from lipstream.tests.kernels.recurrence import ssd_sequential

ROWS, LENGTH, CHANNELS, D_STATE, HEADS, SIZE = 2, 9, 6, 4, 3, 2


class OnCuda(Tensor):
    """A tensor on the CPU that says it is on a GPU; so does all that is made of it."""

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]
        return True


def scan_channels_first(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, *, return_last_state: bool
) -> tuple[Tensor, Tensor]:
    """The recurrence in the layout of mamba-ssm: ``u, delta [R, D, L]``, ``B, C [R, N, L]``."""
    assert return_last_state
    assert u.dtype == delta.dtype == B.dtype == C.dtype
    h, outputs = u.new_zeros(u.shape[0], *A.shape), []
    for t in range(u.shape[-1]):
        step = delta[:, :, t, None]
        h = torch.exp(step * A) * h + step * u[:, :, t, None] * B[:, None, :, t]
        outputs.append((h * C[:, None, :, t]).sum(-1) + D * u[:, :, t])
    return torch.stack(outputs, dim=-1), h


def chunk_scan_of_groups(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    chunk_size: int,
    D: Tensor,
    *,
    initial_states: Tensor,
    return_final_states: bool,
) -> tuple[Tensor, Tensor]:
    """Step by step in the layout of mamba-ssm: ``B, C [R, L, groups, N]``."""
    assert chunk_size == 64
    assert return_final_states
    assert B.shape[2] == C.shape[2] == 1
    return ssd_sequential(x, dt, A, B[:, :, 0], C[:, :, 0], D, initial_states)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if mamba-ssm imported."""
    monkeypatch.setattr(sequences, "mamba_ssm", lambda: MambaSsm(scan_channels_first, chunk_scan_of_groups))


def mamba1_inputs(h: Tensor | None) -> tuple[Any, ...]:
    torch.manual_seed(0)
    u, delta = torch.randn(2, ROWS, LENGTH, CHANNELS)
    B, C = torch.randn(2, ROWS, LENGTH, D_STATE)
    return u, F.softplus(delta), -torch.rand(CHANNELS, D_STATE) - 0.5, B, C, torch.randn(CHANNELS), h


def mamba2_inputs() -> tuple[Tensor, ...]:
    torch.manual_seed(0)
    x, dt = torch.randn(ROWS, LENGTH, HEADS, SIZE), F.softplus(torch.randn(ROWS, LENGTH, HEADS))
    B, C = torch.randn(2, ROWS, LENGTH, D_STATE)
    h = torch.randn(ROWS, HEADS, SIZE, D_STATE)
    return x, dt, -torch.rand(HEADS) - 0.5, B, C, torch.randn(HEADS), h


def on_cuda(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return inputs[0].as_subclass(OnCuda), *inputs[1:]


def assert_close(found: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> None:
    for tensor, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(tensor.as_subclass(Tensor), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("installed")
def test_mamba_ssm_is_asked_in_its_own_layout() -> None:
    zeros = torch.zeros(ROWS, CHANNELS, D_STATE)
    found = sequences.selective_scan(*on_cuda(mamba1_inputs(None)))
    assert_close(found, selective_scan(*mamba1_inputs(zeros)))
    assert_close(ssd_scan(*on_cuda(mamba2_inputs())), ssd_chunked(*mamba2_inputs()))


@pytest.mark.usefixtures("installed")
def test_mixed_types_become_that_of_the_signal() -> None:
    """Under autocast a projection gives bfloat16 where a product with a weight gives float32."""
    u, delta, A, B, C, D, h = on_cuda(mamba1_inputs(None))
    y, _ = sequences.selective_scan(u, delta, A, B.bfloat16(), C.bfloat16(), D, h)
    assert y.dtype == torch.float32


def test_torch_scans_where_mamba_ssm_can_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state to begin from (Mamba-1), more chunks than the grid holds (Mamba-2), other types, the CPU."""

    def refuse(*_: object, **__: object) -> Any:
        pytest.fail("mamba-ssm was asked")

    monkeypatch.setattr(sequences, "mamba_ssm", lambda: MambaSsm(refuse, refuse))
    h = torch.randn(ROWS, CHANNELS, D_STATE)
    expected = selective_scan(*mamba1_inputs(h))
    assert_close(sequences.selective_scan(*on_cuda(mamba1_inputs(h))), expected)
    expected = selective_scan(*mamba1_inputs(torch.zeros_like(h)))
    assert_close(sequences.selective_scan(*mamba1_inputs(None)), expected)
    assert_close(ssd_scan(*mamba2_inputs()), ssd_chunked(*mamba2_inputs()))
    doubles = tuple(v.double() for v in mamba2_inputs())
    assert_close(ssd_scan(*on_cuda(doubles)), ssd_chunked(*doubles))
    monkeypatch.setattr(sequences, "MOST_CHUNKS", ROWS - 1)
    assert_close(ssd_scan(*on_cuda(mamba2_inputs())), ssd_chunked(*mamba2_inputs()))


@pytest.fixture
def forget_package() -> Any:
    """`mamba_ssm` looks again, here and in the tests that follow."""
    mamba_ssm.cache_clear()
    yield
    mamba_ssm.cache_clear()


@pytest.mark.usefixtures("forget_package")
def test_a_package_that_does_not_import_is_reported_once(
    monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    broken = ModuleType("mamba_ssm")  # not a package: its submodules can't be imported
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "mamba_ssm", broken)
    assert mamba_ssm() == mamba_ssm() == MambaSsm(None, None)
    assert [str(warning.message).split(",")[0] for warning in recwarn] == [
        "mamba_ssm.ops.selective_scan_interface does not import",
        "mamba_ssm.ops.triton.ssd_combined does not import",
    ]


@pytest.mark.usefixtures("forget_package")
@pytest.mark.parametrize("extension", [None, object()], ids=["without", "with"])
def test_a_build_without_the_extension_of_mamba_1_serves_mamba_2(
    extension: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan, combined = ModuleType("scan"), ModuleType("combined")
    vars(scan).update(selective_scan_cuda=extension, selective_scan_fn=scan_channels_first)
    vars(combined).update(mamba_chunk_scan_combined=chunk_scan_of_groups)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    for name in ("mamba_ssm", "mamba_ssm.ops", "mamba_ssm.ops.triton"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "mamba_ssm.ops.selective_scan_interface", scan)
    monkeypatch.setitem(sys.modules, "mamba_ssm.ops.triton.ssd_combined", combined)
    assert mamba_ssm() == MambaSsm(scan_channels_first if extension else None, chunk_scan_of_groups)

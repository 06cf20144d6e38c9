"""The scans against mamba-ssm's own reference functions, where that package is installed.

Its top-level package imports CUDA extensions, so it cannot be imported whole on a machine without them. The
reference functions are plain torch: they are imported from beneath a bare package, with an empty module in
place of the extension.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lipstream.kernels import sequences
from lipstream.kernels.reference.selective_scan import selective_scan, selective_scan_step
from lipstream.kernels.reference.ssd import ssd_chunked, ssd_step

ROWS, LENGTH, CHANNELS, D_STATE = 3, 11, 8, 16


@pytest.fixture
def bare_mamba_ssm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes submodules of mamba-ssm importable without CUDA; leaves no trace in ``sys.modules``."""
    spec = importlib.util.find_spec("mamba_ssm")
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip("mamba-ssm is not installed")
    package = ModuleType("mamba_ssm")
    package.__path__ = list(spec.submodule_search_locations)
    before = set(sys.modules)
    monkeypatch.setitem(sys.modules, "mamba_ssm", package)
    monkeypatch.setitem(sys.modules, "selective_scan_cuda", ModuleType("selective_scan_cuda"))
    yield
    for name in set(sys.modules) - before:
        if name.startswith("mamba_ssm."):
            del sys.modules[name]


def reference(module: str) -> ModuleType:
    """A module of mamba-ssm; skips the test where one of its own dependencies is missing."""
    try:
        return importlib.import_module(f"mamba_ssm.{module}")
    except ImportError as error:
        pytest.skip(f"mamba-ssm does not import here: {error}")


@pytest.mark.usefixtures("bare_mamba_ssm")
def test_selective_scan_and_step_equal_mamba_ssm() -> None:
    scan_ref = reference("ops.selective_scan_interface").selective_scan_ref
    step_ref = reference("ops.triton.selective_state_update").selective_state_update_ref
    torch.manual_seed(0)
    u, delta = torch.randn(2, ROWS, LENGTH, CHANNELS)
    B, C = torch.randn(2, ROWS, LENGTH, D_STATE)
    A, D = -torch.rand(CHANNELS, D_STATE) - 0.5, torch.randn(CHANNELS)
    delta, h = F.softplus(delta), torch.zeros(ROWS, CHANNELS, D_STATE)

    y, last = selective_scan(u, delta, A, B, C, D, h)
    expected, expected_last = scan_ref(
        *(v.transpose(1, 2) for v in (u, delta)),
        A,
        *(v.transpose(1, 2) for v in (B, C)),
        D,
        return_last_state=True,
    )
    torch.testing.assert_close(y, expected.transpose(1, 2), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(last, expected_last, rtol=1e-5, atol=1e-5)

    expected_h = h.clone()
    for t in range(LENGTH):
        expected_step = step_ref(expected_h, u[:, t], delta[:, t], A, B[:, t], C[:, t], D)
        y_step, h = selective_scan_step(u[:, t], delta[:, t], A, B[:, t], C[:, t], D, h)
        torch.testing.assert_close(y_step, expected_step, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(h, expected_h, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("bare_mamba_ssm")
def test_state_space_duality_equals_mamba_ssm() -> None:
    chunked_ref = reference("modules.ssd_minimal").ssd_minimal_discrete
    step_ref = reference("ops.triton.selective_state_update").selective_state_update_ref
    torch.manual_seed(0)
    length, heads, size, block = 12, 2, 4, 4
    x, dt = torch.randn(ROWS, length, heads, size), F.softplus(torch.randn(ROWS, length, heads))
    B, C = torch.randn(2, ROWS, length, D_STATE)
    A, D, h = -torch.rand(heads) - 0.5, torch.randn(heads), torch.zeros(ROWS, heads, size, D_STATE)

    y, last = ssd_chunked(x, dt, A, B, C, D, h)
    of_heads = (v[:, :, None].expand(-1, -1, heads, -1) for v in (B, C))
    expected, expected_last = chunked_ref(x * dt[..., None], dt * A, *of_heads, block)
    torch.testing.assert_close(y, expected + x * D[:, None], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(last, expected_last, rtol=1e-5, atol=1e-5)

    expected_h = h.clone()
    for t in range(length):
        expected_step = step_ref(
            expected_h,
            x[:, t],
            dt[:, t, :, None].expand(-1, -1, size),
            A[:, None, None].expand(-1, size, D_STATE),
            B[:, t, None],
            C[:, t, None],
            D[:, None].expand(-1, size),
        )
        y_step, h = ssd_step(x[:, t], dt[:, t], A, B[:, t], C[:, t], D, h)
        torch.testing.assert_close(y_step, expected_step, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(h, expected_h, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("bare_mamba_ssm")
def test_our_calls_of_its_scans_give_our_scans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its references stand in for its CUDA kernels, whose arguments they take."""
    scan_ref = reference("ops.selective_scan_interface").selective_scan_ref
    combined_ref = reference("ops.triton.ssd_combined").ssd_chunk_scan_combined_ref
    torch.manual_seed(0)
    length, heads, size = 2 * sequences.CHUNK, 2, 4

    def combined(*inputs: Tensor, initial_states: Tensor, **_: bool) -> tuple[Tensor, Tensor]:
        return combined_ref(*inputs), initial_states

    monkeypatch.setattr(sequences, "mamba_ssm", lambda: sequences.MambaSsm(scan_ref, combined))
    monkeypatch.setattr(Tensor, "is_cuda", True)
    u, delta = torch.randn(2, ROWS, length, CHANNELS)
    B, C = torch.randn(2, ROWS, length, D_STATE)
    A, D, delta = -torch.rand(CHANNELS, D_STATE) - 0.5, torch.randn(CHANNELS), F.softplus(delta)
    y, last = sequences.selective_scan(u, delta, A, B, C, D, None)
    expected, expected_last = selective_scan(u, delta, A, B, C, D, torch.zeros_like(last))
    torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(last, expected_last, rtol=1e-5, atol=1e-5)

    x, dt = torch.randn(ROWS, length, heads, size), F.softplus(torch.randn(ROWS, length, heads))
    A, D, h = -torch.rand(heads) - 0.5, torch.randn(heads), torch.zeros(ROWS, heads, size, D_STATE)
    y, _ = sequences.ssd_scan(x, dt, A, B, C, D, h)
    torch.testing.assert_close(y, ssd_chunked(x, dt, A, B, C, D, h)[0], rtol=1e-5, atol=1e-5)

"""One dispatch: torch on the CPU and in training, Triton in inference on CUDA, the same call to both."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from lipstream.kernels import dispatch
from lipstream.kernels.dispatch import MOST_NUMBERS, FusedOps, fused_ops
from lipstream.kernels.reference import fused
from lipstream.kernels.reference.fused import Mamba1Weights, Mamba2Weights

PACKAGE = Path(dispatch.__file__).parent.parent
NAMES = [name for name in vars(FusedOps) if not name.startswith("_")]


@pytest.fixture
def triton_ops() -> ModuleType:
    pytest.importorskip("triton")
    from lipstream.kernels.triton import ops

    return ops


@pytest.fixture
def pretend_cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tensors without data may be on a GPU that is not there."""
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    with FakeTensorMode(), torch.no_grad():
        yield


@pytest.mark.parametrize("name", NAMES)
def test_both_codes_take_the_same_call(name: str, triton_ops: ModuleType) -> None:
    assert inspect.signature(getattr(triton_ops, name)) == inspect.signature(getattr(fused, name))
    wanted = inspect.signature(getattr(FusedOps, name))
    assert list(wanted.parameters)[1:] == list(inspect.signature(getattr(fused, name)).parameters)


@torch.no_grad()
def test_the_cpu_runs_torch() -> None:
    assert fused_ops(torch.zeros(2, 3), 6) is fused


@pytest.mark.usefixtures("pretend_cuda")
def test_cuda_runs_triton_in_inference_alone(triton_ops: ModuleType) -> None:
    x = torch.zeros(2, 3, device="cuda")
    assert fused_ops(x, 6) is triton_ops
    assert fused_ops(x.bfloat16(), MOST_NUMBERS) is triton_ops
    with torch.enable_grad():
        assert fused_ops(x, 6) is fused


@pytest.mark.usefixtures("pretend_cuda")
def test_torch_serves_where_the_kernels_can_not(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.zeros(2, 3, device="cuda")
    assert fused_ops(x.double(), 6) is fused
    assert fused_ops(x, MOST_NUMBERS + 1) is fused
    assert fused_ops(torch.zeros(2, 3, device="cuda:1"), 6) is fused
    monkeypatch.setattr(dispatch, "_has_triton", lambda: False)
    assert fused_ops(x, 6) is fused


def test_only_the_kernels_import_triton() -> None:
    """So that everything else imports on machines for which there is no Triton."""
    files = [path for room in ("kernels", "models", "train") for path in (PACKAGE / room).rglob("*.py")]
    for path in files:
        if path.parent.name == "triton" or "triton" not in (text := path.read_text()):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                assert not any(alias.name.split(".")[0] == "triton" for alias in node.names), path
            if isinstance(node, ast.ImportFrom):
                assert "triton" not in (node.module or "").split("."), path


def _shapes(outputs: Tensor | tuple[Tensor, ...]) -> list[tuple[torch.Size, torch.dtype]]:
    tensors = (outputs,) if isinstance(outputs, Tensor) else outputs
    return [(tensor.shape, tensor.dtype) for tensor in tensors]


def example(name: str) -> tuple[Any, ...]:
    """Arguments of small sizes."""
    rows, length, inner, states, taps, heads, rank = 2, 5, 6, 3, 4, 2, 1
    mixed = inner + 2 * states
    numbers = torch.zeros
    sizes = (inner, taps), (inner,), (inner, rank), (inner,), (inner, states), (inner,)
    one = Mamba1Weights(*map(numbers, sizes))
    head = numbers(heads)
    two = Mamba2Weights(numbers(mixed, 3), numbers(mixed), head, head, head, numbers(inner), 1e-5)

    def twice(width: int) -> tuple[Tensor, Tensor]:
        return numbers(rows, length, width), numbers(rows, length, width)

    projected, selected, h = (
        numbers(rows, 2 * inner),
        numbers(rows, rank + 2 * states),
        numbers(rows, inner, states),
    )
    wide, context = inner + mixed + heads, numbers(rows, 2, mixed)
    return {
        "mamba1_conv_step": (projected, one, numbers(rows, taps - 1, inner)),
        "mamba1_step": (projected, numbers(rows, inner), selected, one, h),
        "mamba1_conv_both": (twice(2 * inner), (one, one)),
        "mamba1_both": (twice(2 * inner), twice(inner), twice(rank + 2 * states), (one, one)),
        "mamba2_step": (numbers(rows, wide), two, context, numbers(rows, heads, inner // heads, states)),
        "mamba2_both": (numbers(rows, length, wide), two),
        "frame_norm": (numbers(rows, heads, length, inner), head, head, 1e-5),
    }[name]


@pytest.mark.parametrize("name", NAMES)
def test_the_operators_know_their_shapes_without_running(name: str, triton_ops: ModuleType) -> None:
    """As `torch.compile` and `torch.export` ask them to."""
    with FakeTensorMode(), torch.no_grad():
        arguments = example(name)
        found, expected = (getattr(code, name)(*arguments) for code in (triton_ops, fused))
        assert _shapes(found) == _shapes(expected)

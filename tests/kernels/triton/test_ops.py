"""Triton's kernels against the torch they stand for: on a GPU, or in Triton's interpreter.

The interpreter must be chosen before Triton is imported, so `test_interpreter.py` runs this file in a
process of its own.
"""

import importlib.util
import os
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from lipstream.kernels.reference import fused
from lipstream.kernels.reference.fused import Mamba1Weights, Mamba2Weights

if importlib.util.find_spec("triton") is None:
    pytest.skip("Triton is not installed", allow_module_level=True)
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
if not (INTERPRETED or torch.cuda.is_available()):
    pytest.skip("no CUDA device: test_interpreter.py runs these in the interpreter", allow_module_level=True)

from lipstream.kernels.triton import ops  # noqa: E402

DEVICE = torch.device("cpu" if INTERPRETED else "cuda")


class Mamba1Sizes(NamedTuple):
    rows: int
    length: int
    inner: int
    d_state: int
    rank: int
    taps: int


class Mamba2Sizes(NamedTuple):
    rows: int
    length: int
    heads: int
    head_size: int
    d_state: int
    taps: int

    @property
    def inner(self) -> int:
        return self.heads * self.head_size


#: Odd sizes (the first has rows of two blocks of channels, the last of two blocks of positions), and a type.
MAMBA_1 = pytest.mark.parametrize(
    ("sizes", "dtype"),
    [
        (Mamba1Sizes(2, 3, 40, 5, 3, 4), torch.float32),
        (Mamba1Sizes(1, 1, 7, 16, 1, 1), torch.float32),
        (Mamba1Sizes(1, 17, 3, 1, 2, 2), torch.bfloat16),
    ],
    ids=str,
)
MAMBA_2 = pytest.mark.parametrize(
    ("sizes", "dtype"),
    [
        (Mamba2Sizes(2, 3, 3, 5, 3, 3), torch.float32),
        (Mamba2Sizes(1, 1, 2, 16, 16, 5), torch.bfloat16),
        (Mamba2Sizes(1, 18, 1, 6, 2, 1), torch.float32),
    ],
    ids=str,
)


def normal(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Numbers that begin again with each test."""
    return torch.randn(shape).to(DEVICE, dtype)


@pytest.fixture(autouse=True)
def inference() -> Any:
    torch.manual_seed(0)
    with torch.no_grad():
        yield


def mamba1_weights(sizes: Mamba1Sizes) -> Mamba1Weights:
    inner, states = sizes.inner, sizes.d_state
    return Mamba1Weights(
        taps=normal(inner, sizes.taps),
        bias=normal(inner),
        dt_weight=normal(inner, sizes.rank),
        dt_bias=normal(inner) - 1.0,
        A_log=normal(inner, states),
        D=normal(inner),
    )


def mamba2_weights(sizes: Mamba2Sizes) -> Mamba2Weights:
    mixed, heads = sizes.inner + 2 * sizes.d_state, sizes.heads
    return Mamba2Weights(
        taps=normal(mixed, sizes.taps),
        bias=normal(mixed),
        dt_bias=normal(heads) - 1.0,
        A_log=normal(heads),
        D=normal(heads),
        norm=normal(sizes.inner),
        eps=1e-5,
    )


def in_float32(value: Any) -> Any:
    """The same arguments as numbers that the reference does not round."""
    if isinstance(value, Tensor):
        return value.float()
    if isinstance(value, tuple):
        parts = [in_float32(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def assert_equals_reference(name: str, *arguments: Any) -> None:
    """Each output to rounding in its own type, so that a state in float32 is exact whatever the signal is."""
    found, expected = getattr(ops, name)(*arguments), getattr(fused, name)(*in_float32(arguments))
    if isinstance(found, Tensor):
        found, expected = (found,), (expected,)
    for tensor, wanted in zip(found, expected, strict=True):
        tolerance = 5e-5 if tensor.dtype == torch.float32 else 1e-2
        torch.testing.assert_close(tensor.float(), wanted, rtol=tolerance, atol=tolerance)


@MAMBA_1
def test_a_step_of_mamba_1(sizes: Mamba1Sizes, dtype: torch.dtype) -> None:
    rows, inner = sizes.rows, sizes.inner
    projected, weights = normal(rows, 2 * inner, dtype=dtype), mamba1_weights(sizes)
    assert_equals_reference("mamba1_conv_step", projected, weights, normal(rows, sizes.taps - 1, inner))
    u, selected = normal(rows, inner, dtype=dtype), normal(rows, sizes.rank + 2 * sizes.d_state, dtype=dtype)
    h = normal(rows, inner, sizes.d_state)
    assert_equals_reference("mamba1_step", projected, u, selected, weights, h)
    y, after = ops.mamba1_step(projected, u, selected, weights, h)
    assert (y.dtype, after.dtype) == (dtype, torch.float32)


@MAMBA_1
def test_both_directions_of_mamba_1(sizes: Mamba1Sizes, dtype: torch.dtype) -> None:
    shape, weights = (sizes.rows, sizes.length), (mamba1_weights(sizes), mamba1_weights(sizes))

    def pair(width: int) -> tuple[Tensor, Tensor]:
        return normal(*shape, width, dtype=dtype), normal(*shape, width, dtype=dtype)

    projected, selected = pair(2 * sizes.inner), pair(sizes.rank + 2 * sizes.d_state)
    assert_equals_reference("mamba1_conv_both", projected, weights)
    assert_equals_reference("mamba1_both", projected, pair(sizes.inner), selected, weights)


@MAMBA_2
def test_a_step_of_mamba_2(sizes: Mamba2Sizes, dtype: torch.dtype) -> None:
    rows, mixed = sizes.rows, sizes.inner + 2 * sizes.d_state
    projected = normal(rows, sizes.inner + mixed + sizes.heads, dtype=dtype)
    context, h = normal(rows, sizes.taps - 1, mixed), normal(rows, *sizes[2:5])
    assert_equals_reference("mamba2_step", projected, mamba2_weights(sizes), context, h)
    y, context_after, after = ops.mamba2_step(projected, mamba2_weights(sizes), context, h)
    assert (y.dtype, context_after.dtype, after.dtype) == (dtype, torch.float32, torch.float32)


@MAMBA_2
def test_both_directions_of_mamba_2(sizes: Mamba2Sizes, dtype: torch.dtype) -> None:
    width = 2 * sizes.inner + 2 * sizes.d_state + sizes.heads
    projected = normal(sizes.rows, sizes.length, width, dtype=dtype)
    assert_equals_reference("mamba2_both", projected, mamba2_weights(sizes))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shape", [(2, 2, 1, 21), (1, 1, 2, 1), (1, 2, 1, 64)])
def test_the_norm_of_a_frame(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    x = normal(*shape, dtype=dtype)
    assert_equals_reference("frame_norm", x, normal(shape[1]), normal(shape[1]), 1e-5)
    turned = normal(*reversed(shape), dtype=dtype).permute(3, 2, 1, 0)
    assert_equals_reference("frame_norm", turned, normal(shape[1]), normal(shape[1]), 1e-5)


def test_the_smallest_time_steps_keep_their_digits() -> None:
    sizes = Mamba1Sizes(2, 1, 6, 3, 2, 2)
    weights = mamba1_weights(sizes)
    weights = weights._replace(dt_weight=weights.dt_weight * 0.1, dt_bias=weights.dt_bias - 9.0)
    rows, inner = sizes.rows, sizes.inner
    inputs = normal(rows, 2 * inner), normal(rows, inner), normal(rows, sizes.rank + 2 * sizes.d_state)
    h = torch.zeros(rows, inner, sizes.d_state, device=DEVICE)
    _, found = ops.mamba1_step(*inputs, weights, h)
    _, expected = fused.mamba1_step(*inputs, weights, h)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0.0)


@pytest.mark.skipif(INTERPRETED, reason="times need a GPU")
@pytest.mark.parametrize("code", ["triton", "torch"])
@pytest.mark.parametrize("sizes", [Mamba2Sizes(100, 100, 6, 16, 16, 4)], ids=["base"])
def test_time_of_a_step_of_mamba_2(benchmark: Any, code: str, sizes: Mamba2Sizes) -> None:
    """``pytest --benchmark-enable``: a step of the rows of ``base`` as one CUDA graph, as live use has it."""
    mixed, run = sizes.inner + 2 * sizes.d_state, (ops if code == "triton" else fused).mamba2_step
    arguments = (
        normal(sizes.rows, sizes.inner + mixed + sizes.heads),
        mamba2_weights(sizes),
        normal(sizes.rows, sizes.taps - 1, mixed),
        normal(sizes.rows, *sizes[2:5]),
    )
    run(*arguments)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y, *_ = run(*arguments)

    def replay() -> None:
        graph.replay()
        torch.cuda.synchronize()

    benchmark(replay)
    assert torch.isfinite(y).all()

"""Who runs the pieces of `kernels.reference.fused`: Triton in inference on CUDA, torch everywhere else."""

import functools
import importlib
import importlib.util
from typing import Protocol, cast

import torch
from torch import Tensor

from .reference import fused
from .reference.fused import Mamba1Weights, Mamba2Weights, Pair

#: Most numbers of one row's state (or of one row) that the kernels keep in registers.
MOST_NUMBERS = 8192


class FusedOps(Protocol):
    """The functions of `kernels.reference.fused` that have a Triton twin."""

    def mamba1_conv_step(
        self, projected: Tensor, weights: Mamba1Weights, context: Tensor
    ) -> tuple[Tensor, Tensor]: ...

    def mamba1_step(
        self, projected: Tensor, u: Tensor, selected: Tensor, weights: Mamba1Weights, h: Tensor
    ) -> tuple[Tensor, Tensor]: ...

    def mamba1_conv_both(self, projected: Pair, weights: tuple[Mamba1Weights, Mamba1Weights]) -> Pair: ...

    def mamba1_both(
        self, projected: Pair, u: Pair, selected: Pair, weights: tuple[Mamba1Weights, Mamba1Weights]
    ) -> Pair: ...

    def mamba2_step(
        self, projected: Tensor, weights: Mamba2Weights, context: Tensor, h: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]: ...

    def mamba2_both(self, projected: Tensor, weights: Mamba2Weights) -> Tensor: ...

    def frame_norm(self, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor: ...


def fused_ops(x: Tensor, row_numbers: int) -> FusedOps:
    """Who works on tensors like ``x``.

    Args:
        x: any input of the operation.
        row_numbers: how many numbers of state one row has; without a state, how long a row is.
    """
    if serves(x, row_numbers):
        return cast(FusedOps, importlib.import_module(".triton.ops", __package__))
    return fused


def serves(x: Tensor, row_numbers: int) -> bool:
    """Whether Triton's kernels run: in inference, on the current CUDA device, on rows of a bearable size."""
    return (
        x.is_cuda
        and not torch.is_grad_enabled()
        and x.dtype in {torch.float32, torch.bfloat16, torch.float16}
        and row_numbers <= MOST_NUMBERS
        and x.device.index == torch.cuda.current_device()
        and _has_triton()
    )


@functools.cache
def _has_triton() -> bool:
    return importlib.util.find_spec("triton") is not None

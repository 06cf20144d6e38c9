"""What the compiled CPU kernels share on the side of torch: whom they serve, and how they are called."""

import contextlib
import ctypes
import functools
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .. import build
from ..build import BuildError, Code, library

#: The types of numbers that the kernels are compiled for: suffix of their functions, type in C.
REALS: dict[torch.dtype, tuple[str, Any]] = {
    torch.float32: ("float", ctypes.c_float),
    torch.float64: ("double", ctypes.c_double),
}

_OPENMP = ("-fopenmp",)
_NAMES = ("mixer", "conv", "filter")

_LEFT_TO_TORCH = ContextVar("left_to_torch", default=False)


def _code(name: str) -> Code:
    return Code(f"train/{name}.cpp", _OPENMP, _OPENMP)


@functools.cache
def _library(name: str) -> ctypes.CDLL | BuildError:
    """The library, or why there is none: what failed once in a process is not tried again."""
    try:
        return library(_code(name))
    except BuildError as error:
        return error


def available() -> bool:
    """Whether the kernels can be (or are) built here."""
    return not any(isinstance(_library(name), BuildError) for name in _NAMES)


def built() -> bool:
    """Whether the kernels come without being compiled first."""
    return all(build.find(_code(name)) is not None for name in _NAMES)


def serves(x: Tensor) -> bool:
    """Whether the kernels are `available` and work on tensors like ``x``: on CPU, in float32 or float64."""
    full_precision = x.dtype in REALS and not torch.is_autocast_enabled("cpu")
    return x.device.type == "cpu" and full_precision and not _LEFT_TO_TORCH.get() and available()


@contextlib.contextmanager
def left_to_torch() -> Iterator[None]:
    """Within it the kernels serve nobody: torch does, which knows what it computes and can count it."""
    token = _LEFT_TO_TORCH.set(True)
    try:
        yield
    finally:
        _LEFT_TO_TORCH.reset(token)


def compiled(name: str) -> ctypes.CDLL:
    """The library of a kernel.

    Raises:
        BuildError: it can't be built here.
    """
    built = _library(name)
    if isinstance(built, BuildError):
        raise BuildError(f"{built}: use the torch reference")
    return built


class Kernel(NamedTuple):
    """A kernel in one arithmetic: its library, the suffix of its functions, the type of its numbers in C."""

    library: ctypes.CDLL
    suffix: str
    real: Any

    def __call__(self, function: str, *arguments: Any) -> Any:
        return getattr(self.library, f"{function}_{self.suffix}")(*arguments)


def kernel(name: str, x: Tensor) -> Kernel:
    """The kernel ``name`` for tensors like ``x``, in their own arithmetic.

    Raises:
        BuildError: it can't be built here.
    """
    return Kernel(compiled(name), *REALS[x.dtype])


def pointer(tensor: Tensor | None) -> ctypes.c_void_p:
    """Where the tensor's data lies; null for None."""
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())


def like(tensor: Tensor, x: Tensor) -> Tensor:
    """The tensor with the strides of ``x``."""
    return tensor if tensor.stride() == x.stride() else torch.empty_like(x).copy_(tensor)


def gradient_parts(partial: Tensor, weights: Sequence[Tensor]) -> Iterator[Tensor]:
    """One gradient for each weight, from the threads' sums over all of them, ``[threads, numbers]``."""
    parts = partial.sum(0).split([weight.numel() for weight in weights])
    return (part.view_as(weight) for part, weight in zip(parts, weights, strict=True))

"""Samples of whatever kind a caller holds, as float32 arrays and back: NumPy or torch, floats or 16-bit."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .arrays import Float32, Int16

if TYPE_CHECKING:
    import torch

#: A 16-bit sample of 32,768 would be 1.0.
FULL_SCALE = 32_768
#: A NumPy array or a torch tensor; what is given back is of the same kind.
Samples = TypeVar("Samples", bound="npt.NDArray[Any] | torch.Tensor")


def float32_and_back(samples: Samples, name: str) -> tuple[Float32, Callable[[Float32], Samples]]:
    """The samples as float32 in [-1, 1], and what turns others like these into the kind that they were.

    Args:
        samples: a NumPy array or a torch tensor on any device, of any shape, of floats or int16.
        name: what they are called in an error.

    Raises:
        InputError: they are of another kind.
    """
    torch = sys.modules.get("torch")  # whoever holds a tensor has loaded it
    if torch is not None and isinstance(samples, torch.Tensor):
        return _of_tensor(samples, name, torch)
    if not isinstance(samples, np.ndarray):
        raise InputError(
            f"{name} must be a NumPy array or a torch tensor, not {type(samples).__name__}: "
            "convert it with np.asarray"
        )
    return _of_array(samples, name)


def from_int16(samples: Int16) -> Float32:
    """Scaled to [-1, 1): float32 of the same shape."""
    return samples * np.float32(1 / FULL_SCALE)  # a power of two: the same as to divide, in one pass


def to_int16(samples: Float32) -> Int16:
    """Scaled and rounded; what is over full scale is clipped, for int16 would wrap around."""
    scaled = samples * np.float32(FULL_SCALE)
    np.rint(scaled, out=scaled)
    np.maximum(scaled, -FULL_SCALE, out=scaled)  # in a third of np.clip's time where samples are few
    np.minimum(scaled, FULL_SCALE - 1, out=scaled)
    return scaled.astype(np.int16)


def _of_array(samples: Any, name: str) -> tuple[Float32, Callable[[Float32], Any]]:
    if samples.dtype == np.int16:
        return from_int16(samples), to_int16
    _check_floats(samples.dtype.kind == "f", samples.dtype, name)
    with np.errstate(over="ignore"):  # what becomes infinite is told by whoever checks the values
        return samples.astype(np.float32), lambda wave: wave.astype(samples.dtype)


def _of_tensor(samples: Any, name: str, torch: Any) -> tuple[Float32, Callable[[Float32], Any]]:
    held = samples.detach().cpu()
    if samples.dtype == torch.int16:
        return from_int16(held.numpy()), lambda wave: torch.from_numpy(to_int16(wave)).to(samples.device)
    _check_floats(samples.dtype.is_floating_point, samples.dtype, name)
    return held.float().numpy(), lambda wave: torch.from_numpy(wave).to(samples.device, samples.dtype)


def _check_floats(are_floats: bool, dtype: object, name: str) -> None:
    if not are_floats:
        raise InputError(
            f"{name} must hold floats in [-1, 1] or int16, not {dtype}, whose full scale is not known: "
            "scale it to floats first"
        )

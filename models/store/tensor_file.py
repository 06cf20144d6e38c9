"""Tensors of a safetensors file as NumPy arrays. Torch-free."""

from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from ...core.arrays import Float32
from ...errors import InputError


def read_tensors(path: Path) -> dict[str, Float32]:
    """The tensors of a file by name, float32.

    Raises:
        InputError: it can't be read, is no safetensors file, is cut short, or holds other types of numbers.
    """
    try:
        tensors = load(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot read the weights: {error.strerror}") from error
    except (SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"{path} is no safetensors file of float32 tensors: {error}") from error
    if other := {name: str(array.dtype) for name, array in tensors.items() if array.dtype != np.float32}:
        raise InputError(f"{path} is no safetensors file of float32 tensors: it holds {other}")
    return tensors

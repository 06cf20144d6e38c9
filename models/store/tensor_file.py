"""Tensors of a safetensors file as NumPy arrays: length of the header, JSON header, raw data. Torch-free."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import InputError

Float32 = npt.NDArray[np.float32]

#: Headers beyond this are damaged; the format's own limit.
_MAX_HEADER = 100_000_000


def read_tensors(path: Path) -> dict[str, Float32]:
    """The tensors of a file by name, float32.

    Raises:
        InputError: it can't be read, is no safetensors file, is cut short, or holds other types of numbers.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot read the weights: {error.strerror}") from error
    length = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + min(length, _MAX_HEADER)])
        data = memoryview(content)[8 + length :]
        return {name: _tensor(entry, data) for name, entry in header.items() if name != "__metadata__"}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path} is no safetensors file of float32 tensors: {error}") from error


def _tensor(entry: dict[str, Any], data: memoryview) -> Float32:
    begin, end = entry["data_offsets"]
    if entry["dtype"] != "F32" or not 0 <= begin <= end <= len(data):
        raise ValueError(f"a tensor of type {entry['dtype']} at {begin}-{end}")
    shape = entry["shape"]
    if 4 * math.prod(shape) != end - begin:
        raise ValueError(f"{end - begin} bytes for shape {shape}")
    return np.frombuffer(data[begin:end], "<f4").reshape(shape)

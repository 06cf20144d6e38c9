"""Checkpoints of the parents: ``{"generator": state_dict}`` as published, or safetensors as trained here."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, TypedDict

import torch
from safetensors.torch import load_file
from torch import Tensor

from ...errors import InputError
from ..store.folder import form_of, read_metadata


class Transform(TypedDict):
    """What weights tell of the STFT."""

    n_fft: int
    hop_size: int
    win_size: int


def count_blocks(weights: Mapping[str, Tensor], name: str) -> int:
    """How many blocks ``name.0``, ``name.1`` and so on a state dict has."""
    return len({key.split(".")[1] for key in weights if key.startswith(f"{name}.")})


def transform_of(weights: Mapping[str, Tensor]) -> Transform:
    """The STFT of a state dict: only its bins leave a trace; window and hop are taken to be as published."""
    n_fft = 2 * (weights["mask_decoder.lsigmoid.slope"].shape[0] - 1)
    return Transform(n_fft=n_fft, hop_size=n_fft // 4, win_size=n_fft)


def read_form(path: str | PathLike[str]) -> Mapping[str, Any]:
    """What weights say of their model, ``kind`` and ``model``; nothing where they are published ones.

    Raises:
        InputError: a safetensors file that is none, or whose metadata are damaged.
    """
    file = Path(path)
    if file.suffix != ".safetensors" or not file.is_file():
        return {}
    return form_of(read_metadata(file), file)


def read_weights(path: str | PathLike[str], title: str) -> dict[str, Tensor]:
    """The state dict of a checkpoint, on the CPU.

    Args:
        path: a published checkpoint, ``{"generator": state_dict}``, or trained safetensors.
        title: of the model, in messages.

    Raises:
        InputError: the file is missing or no such checkpoint.
    """
    try:
        if Path(path).suffix == ".safetensors":
            checkpoint = {"generator": load_file(path)}
        else:
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"cannot read the checkpoint '{path}': {error.strerror}") from error
    except Exception as error:  # the unpickler raises whatever foreign bytes lead it to
        raise InputError(f"'{path}' is no checkpoint of torch weights: give the file as published") from error
    weights = checkpoint.get("generator") if isinstance(checkpoint, dict) else None
    if not isinstance(weights, Mapping) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise InputError(f"'{path}' holds no {title} weights: they belong under the key 'generator'")
    return dict(weights)

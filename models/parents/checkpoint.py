"""Checkpoints of the parents: ``{"generator": state_dict}`` as published, or safetensors as trained here."""

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import TypedDict, TypeVar

import torch
from safetensors.torch import load_file
from torch import Tensor

from ...errors import InputError
from .config import ParentConfig
from .inference import ParentModel

Config = TypeVar("Config", bound=ParentConfig)
Model = TypeVar("Model", bound=ParentModel)


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


def load_parent_weights(
    path: str | PathLike[str],
    title: str,
    model: Callable[[Config], Model],
    config_of: Callable[[Mapping[str, Tensor]], Config],
) -> Model:
    """Load a parent on the CPU, in eval mode. Its sizes are read from the shapes of its weights.

    Window (``n_fft``), hop (a quarter of it), compression and beta leave no trace there; they are taken to be
    as published.

    Args:
        path: a published checkpoint, ``{"generator": state_dict}``, or trained safetensors.
        title: of the model, in messages.
        model: makes it of its configuration.
        config_of: makes the configuration of a state dict.

    Raises:
        InputError: the file is missing or no such checkpoint.
    """
    weights = _generator(path, title)
    try:
        loaded = model(config_of(weights))
        loaded.load_state_dict(dict(weights), strict=True)
    except (LookupError, ArithmeticError, ValueError, RuntimeError) as error:
        raise InputError(f"'{path}' holds the weights of another model, not of {title}") from error
    return loaded.eval()


def _generator(path: str | PathLike[str], title: str) -> Mapping[str, Tensor]:
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
    return weights

"""Weights of a LiteAVSEMamba from a safetensors file."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from ..errors import InputError
from .lite_avse import LiteAVSEMamba, build
from .registry import require_shipped, weights_file


def load_model(name: str, weights: Path | None = None) -> LiteAVSEMamba:
    """The causal model of a preset with its weights, in eval mode.

    Args:
        name: of the preset.
        weights: a safetensors file; None for those shipped with the preset.

    Raises:
        InputError: no such preset or file, a file that is no safetensors, or one that does not fit.
    """
    path = require_shipped(weights_file(name), name) if weights is None else weights
    if not path.is_file():
        raise InputError(f"{path}: no such weights file")
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise InputError(f"{path} is no safetensors file: {error}") from error
    model = build(name)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise InputError(
            f"{path} does not fit preset '{name}': {str(error).splitlines()[1].strip()}"
        ) from error
    return model.eval()

"""Weights of encoder C: a safetensors file that says of itself what sizes they have and how good they are."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from ...core.storage import written_whole
from ...errors import InputError
from ..config import LandmarkConfig
from ..lips.landmarks import LandmarkVisualEncoder
from .registry import WEIGHTS_FOLDER

#: The shipped weights.
CUE_WEIGHTS = WEIGHTS_FOLDER / "cue.safetensors"
_KEY = "lipstream-cue"


def save_encoder(encoder: LandmarkVisualEncoder, path: Path, about: Mapping[str, object]) -> None:
    """Write weights whole or not at all, with their sizes and what is to be known ``about`` them.

    Args:
        encoder: whose weights.
        path: of the safetensors file.
        about: what json can write: recipe, figures.

    Raises:
        InputError: the file cannot be written.
    """
    metadata = {_KEY: json.dumps({"encoder": asdict(encoder.config), "about": dict(about)})}
    try:
        with written_whole(path) as partial:
            save_file(encoder.state_dict(), partial, metadata)
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot write '{path}': {error}") from error


def load_encoder(path: Path = CUE_WEIGHTS) -> LandmarkVisualEncoder:
    """Encoder C with its weights, in eval mode.

    Raises:
        InputError: no such file, or one that holds no weights of encoder C.
    """
    try:
        encoder = LandmarkVisualEncoder(LandmarkConfig(**read_about(path)["encoder"]))
        encoder.load_state_dict(load_file(path))
    except (KeyError, TypeError, RuntimeError) as error:
        raise InputError(
            f"{path} does not hold weights of encoder C: make them with lipstream cue train"
        ) from error
    return encoder.eval()


def read_about(path: Path = CUE_WEIGHTS) -> dict[str, dict[str, Any]]:
    """``encoder``, the sizes, and ``about``, what `save_encoder` was told.

    Raises:
        InputError: no such file, or no safetensors.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such weights file; make it with lipstream cue train")
    try:
        with safe_open(path, framework="pt") as file:
            return dict(json.loads((file.metadata() or {}).get(_KEY, "{}")))
    except (SafetensorError, ValueError) as error:
        raise InputError(f"{path} is no safetensors file of encoder C: {error}") from error

"""Weights of encoder C: a safetensors file that says of itself what sizes they have and how good they are.

Those that ship lie in the weights of the model that uses them: `models.store.join`.
"""

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
from .registry import weights_file

#: The shipped weights: of a whole model.
CUE_WEIGHTS = weights_file("lite")
_KEY = "lipstream-cue"
#: What the names of the encoder's tensors begin with in a whole model.
_INSIDE = "visual."


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
    """Encoder C with its weights, in eval mode, from a file of its own or that of a whole model.

    Raises:
        InputError: no such file, or one that holds no weights of encoder C.
    """
    try:
        encoder = LandmarkVisualEncoder(LandmarkConfig(**read_about(path).get("encoder", {})))
        tensors = load_file(path)
        inside = {name[len(_INSIDE) :]: value for name, value in tensors.items() if name.startswith(_INSIDE)}
        encoder.load_state_dict(inside or tensors)
    except (TypeError, RuntimeError) as error:
        raise InputError(
            f"{path} does not hold weights of encoder C: make them with lipstream cue train"
        ) from error
    return encoder.eval()


def read_about(path: Path = CUE_WEIGHTS) -> dict[str, dict[str, Any]]:
    """``encoder``, the sizes, and ``about``, what `save_encoder` was told; empty where a file says nothing.

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


def cue_metadata(path: Path) -> dict[str, str]:
    """What a file says of the encoder's weights that it holds, as metadata for another safetensors file.

    Raises:
        InputError: as `read_about`.
    """
    about = read_about(path)
    return {_KEY: json.dumps(about)} if about else {}

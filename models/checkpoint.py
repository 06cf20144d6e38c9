"""Weights of a LiteAVSEMamba from a safetensors file; its metadata may tell the form of the preset."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from ..errors import InputError
from .config import ModelConfig, preset
from .lite_avse import LiteAVSEMamba
from .registry import require_shipped, weights_file

#: Key of the metadata under which `form_metadata` writes.
_KEY = "lipstream"


def load_model(name: str, weights: Path | None = None, offline: bool = False) -> LiteAVSEMamba:
    """The model of a preset with its weights, in eval mode, without the parts it was trained without.

    Args:
        name: of the preset.
        weights: a safetensors file; None for those shipped with the preset.
        offline: the bidirectional form; else the causal one.

    Raises:
        InputError: no such preset or file, a file that is no safetensors, or one that does not fit.
    """
    path = require_shipped(weights_file(name), name) if weights is None else weights
    model, lacking = grow_model(name, path, offline)
    if lacking:
        raise _unfit(path, name, f"it lacks {len(lacking)} tensors, such as {lacking[0]}")
    return model


def grow_model(name: str, weights: Path, offline: bool) -> tuple[LiteAVSEMamba, list[str]]:
    """As `load_model`, from weights that may lack tensors: those are as in an untrained model.

    Returns:
        The model, in eval mode, and the names of the tensors that the weights lack, in its order.

    Raises:
        InputError: as `load_model`, and for tensors that the model does not have, or has in another shape.
    """
    if not weights.is_file():
        raise InputError(f"{weights}: no such weights file")
    try:
        tensors = load_file(weights)
        with safe_open(weights, framework="pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise InputError(f"{weights} is no safetensors file: {error}") from error
    model = LiteAVSEMamba(_config(name, offline, metadata, weights))
    try:
        lacking, unknown = model.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise _unfit(weights, name, str(error).splitlines()[1].strip()) from error
    if unknown:
        raise _unfit(weights, name, f"it has {len(unknown)} tensors too many, such as {unknown[0]}")
    return model.eval(), lacking


def _unfit(path: Path, name: str, reason: str) -> InputError:
    return InputError(f"{path} does not fit preset '{name}': {reason}")


def form_metadata(name: str, offline: bool, without: tuple[str, ...]) -> dict[str, str]:
    """Metadata for weights of a form of a preset: see `ModelConfig.offline` and `ModelConfig.without`."""
    return {_KEY: json.dumps({"preset": name, "offline": offline, "without": without})}


def _config(name: str, offline: bool, metadata: dict[str, str], path: Path) -> ModelConfig:
    """The configuration that a file holds weights of, if it is the one asked for."""
    asked: dict[str, Any] = {"preset": name, "offline": offline}
    try:
        form = asked | json.loads(metadata.get(_KEY, "{}"))
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: its metadata '{_KEY}' is damaged: use a file that train wrote") from error
    if form["preset"] != name:
        raise InputError(f"{path} holds weights of preset '{form['preset']}', not of '{name}'")
    if form["offline"] != offline:
        kinds = ("causal", "offline")
        raise InputError(
            f"{path} holds the {kinds[not offline]} form of '{name}', not the {kinds[offline]} one"
        )
    config = preset(name).without(*form.get("without", ()))
    return config.offline() if offline else config

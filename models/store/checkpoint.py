"""Weights of a LiteAVSEMamba: read from a safetensors file, or the mean of several."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from ...core.storage import written_whole
from ...errors import InputError
from ..config import ModelConfig, preset
from ..lite_avse import LiteAVSEMamba
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
        older = any(tensor.startswith("fusion.") for tensor in unknown) and model.fusion is None
        fix = ": its lips are those of crops, keep its sound with lipstream cue join" if older else ""
        raise _unfit(weights, name, f"it has {len(unknown)} tensors too many, such as {unknown[0]}{fix}")
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


def blend(preset: str, files: Sequence[Path], out: Path, lips: float = 1.0) -> None:
    """Write the mean of weights of one preset in its causal form.

    The mean of runs that began with the same weights is often better than each: Wortsman et al., "Model
    soups", ICML 2022.

    Args:
        preset: its name.
        files: safetensors weights, one or more.
        out: the file to write; one that is there is replaced when all is done.
        lips: how much of what the lips add is kept, above 0; 1 for all of it. See `VisualFusion.turn`.

    Raises:
        InputError: no such preset, weights that do not fit it or each other, or an unwritable file.
    """
    if not 0.0 < lips < float("inf"):
        raise InputError(f"lips must be above 0, not {lips:g}")
    models = [load_model(preset, file) for file in files]
    if lips != 1.0 and models[0].fusion is None:
        raise InputError(
            f"lips of model '{preset}' may only take away, there is nothing to turn: leave out lips"
        )
    for file, model in zip(files, models, strict=True):
        if model.config != models[0].config:
            raise InputError(f"{file} holds another form of '{preset}' than {files[0]}")
    first, *others = (model.state_dict() for model in models)
    for name, value in first.items():
        if value.is_floating_point():
            value.copy_(torch.stack([value, *(other[name] for other in others)]).mean(0))
    if models[0].fusion is not None:
        models[0].fusion.turn(lips)
    try:
        with written_whole(out) as partial:
            save_file(first, partial, _metadata(files[0]))
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot write '{out}': {error}") from error


def _metadata(file: Path) -> dict[str, str]:
    """What a file says about the form of its model and its encoder C, and no more."""
    with safe_open(file, framework="pt") as opened:
        return {key: value for key, value in (opened.metadata() or {}).items() if key.startswith(_KEY)}

"""Weights of a LiteAVSEMamba: read from a safetensors file, or the mean of several."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ...core.storage import written_whole
from ...core.tables import from_table
from ...errors import InputError
from ..config import ModelConfig
from ..lite_avse import LiteAVSEMamba
from .folder import METADATA_KEY, form_metadata, form_of, read_metadata
from .registry import ModelName, find_model, require_file


def load_model(name: ModelName, weights: Path | None = None, offline: bool = False) -> LiteAVSEMamba:
    """A model with its weights, in eval mode, without the parts it was trained without.

    Args:
        name: see `find_model`.
        weights: a safetensors file of the preset; None for the model's own.
        offline: the bidirectional form; else the causal one.

    Raises:
        InputError: no such model or file, a file that is no safetensors, or one that does not fit.
    """
    found = find_model(name)
    path = require_file(found.weights, name) if weights is None else weights
    config = found.config.offline() if offline else found.config
    return load_exact(config, path) if weights is None else load_weights(config, path)


def load_weights(config: ModelConfig, weights: Path) -> LiteAVSEMamba:
    """As `load_model`, of a configuration; the file may hold a form of it with other parts or sizes.

    Raises:
        InputError: as `load_model`.
    """
    return load_exact(held_config(config, weights), weights)


def load_exact(config: ModelConfig, weights: Path) -> LiteAVSEMamba:
    """As `load_weights`, of this form alone.

    Raises:
        InputError: as `load_model`.
    """
    model, lacking = grow_model(config, weights)
    if lacking:
        raise _unfit(weights, config.name, f"it lacks {len(lacking)} tensors, such as {lacking[0]}")
    return model


def grow_model(config: ModelConfig, weights: Path) -> tuple[LiteAVSEMamba, list[str]]:
    """As `load_weights`, of this form, from weights that may lack tensors: those stay untrained.

    Returns:
        The model, in eval mode, and the names of the tensors that the weights lack, in its order.

    Raises:
        InputError: as `load_model`, and for tensors that the model does not have, or has in another shape.
    """
    held_config(config, weights)  # refuses weights of another model
    name, model = config.name, LiteAVSEMamba(config)
    try:
        lacking, unknown = model.load_state_dict(load_file(weights), strict=False)
    except RuntimeError as error:
        raise _unfit(weights, name, str(error).splitlines()[1].strip()) from error
    if unknown:
        older = any(tensor.startswith("fusion.") for tensor in unknown) and model.fusion is None
        fix = ": its lips are those of crops, keep its sound with lipstream cue join" if older else ""
        raise _unfit(weights, name, f"it has {len(unknown)} tensors too many, such as {unknown[0]}{fix}")
    return model.eval(), lacking


def _unfit(path: Path, name: str, reason: str) -> InputError:
    return InputError(f"{path} does not fit preset '{name}': {reason}")


def held_config(config: ModelConfig, path: Path) -> ModelConfig:
    """The configuration that a file holds weights of, if it is a form of the one asked for.

    Raises:
        InputError: no such file, no safetensors, or weights of another preset, or of its other form.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such weights file")
    asked: dict[str, Any] = {"preset": config.name, "offline": not config.causal}
    form = asked | form_of(read_metadata(path), path)
    if form["preset"] != config.name:
        raise InputError(f"{path} holds weights of preset '{form['preset']}', not of '{config.name}'")
    if form["offline"] == config.causal:
        kinds = ("causal", "offline")
        raise InputError(
            f"{path} holds the {kinds[form['offline']]} form of '{config.name}', not the "
            f"{kinds[not form['offline']]} one"
        )
    if "model" in form:
        return from_table(ModelConfig, form["model"], f"{path}: its metadata are damaged")
    return config.without(*form.get("without", ()))


def blend(name: ModelName, files: Sequence[Path], out: Path, lips: float = 1.0) -> None:
    """Write the mean of weights of one model in its causal form.

    The mean of runs that began with the same weights is often better than each: Wortsman et al., "Model
    soups", ICML 2022.

    Args:
        name: of the model, see `find_model`.
        files: safetensors weights of it, or folders of models with such weights, one or more.
        out: the file to write; one that is there is replaced when all is done.
        lips: how much of what the lips add is kept, above 0; 1 for all of it. See `VisualFusion.turn`.

    Raises:
        InputError: no such model, weights that do not fit it or each other, or an unwritable file.
    """
    if not 0.0 < lips < float("inf"):
        raise InputError(f"lips must be above 0, not {lips:g}")
    found = find_model(name)
    files = [find_model(file).weights if file.is_dir() else file for file in files]
    models = [load_weights(found.config, file) for file in files]
    if lips != 1.0 and models[0].fusion is None:
        raise InputError(
            f"lips of model '{name}' may only take away, there is nothing to turn: leave out lips"
        )
    for file, model in zip(files, models, strict=True):
        if model.config != models[0].config:
            raise InputError(f"{file} holds another form of '{name}' than {files[0]}")
    first, *others = (model.state_dict() for model in models)
    for key, value in first.items():
        if value.is_floating_point():
            value.copy_(torch.stack([value, *(other[key] for other in others)]).mean(0))
    if models[0].fusion is not None:
        models[0].fusion.turn(lips)
    try:
        with written_whole(out) as partial:
            save_file(first, partial, _metadata(files[0]) | form_metadata(models[0].config))
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot write '{out}': {error}") from error


def _metadata(file: Path) -> dict[str, str]:
    """What a file says about the parts of its model, and no more."""
    return {key: value for key, value in read_metadata(file).items() if key.startswith(METADATA_KEY)}

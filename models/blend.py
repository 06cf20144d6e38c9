"""One file of weights out of several: their mean, with the lips as loud as they serve best."""

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..errors import InputError
from .checkpoint import load_model


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
    for file, model in zip(files, models, strict=True):
        if model.config != models[0].config:
            raise InputError(f"{file} holds another form of '{preset}' than {files[0]}")
    first, *others = (model.state_dict() for model in models)
    for name, value in first.items():
        if value.is_floating_point():
            value.copy_(torch.stack([value, *(other[name] for other in others)]).mean(0))
    models[0].fusion.turn(lips)
    partial = out.with_name(out.name + ".part")
    try:
        save_file(first, partial, _metadata(files[0]))
        os.replace(partial, out)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise InputError(f"cannot write '{out}': {error}") from error


def _metadata(file: Path) -> dict[str, str]:
    """What a file says about the form of its model, and nothing about how it was trained."""
    with safe_open(file, framework="pt") as opened:
        return {key: value for key, value in (opened.metadata() or {}).items() if key == "lipstream"}

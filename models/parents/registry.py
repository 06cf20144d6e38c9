"""The parents by name: offline, audio-only models of others, whose published weights load unchanged.

>>> from lipstream.models.parents.registry import PARENTS, load_parent
>>> model = PARENTS["mpsenet"].model(PARENTS["mpsenet"].config())   # untrained
>>> model = load_parent("mpsenet", "g_best")                        # published, or safetensors
>>> wave = enhance_offline(model, wave)                             # models.parents.inference
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

from ...core.tables import from_table
from ...errors import InputError
from .checkpoint import read_form, read_weights
from .config import ParentConfig
from .mpsenet import MPSENet, MPSENetConfig
from .mpsenet_mamba import MPSENetMamba, MPSENetMambaConfig
from .network import ParentNetwork
from .semamba import SEMamba, SEMambaConfig


@dataclass(frozen=True)
class Parent:
    """One of `PARENTS`.

    Attributes:
        title: as its authors write it.
        config: class of its configurations, all of whose fields have defaults.
        model: class of the network, made of a configuration.
    """

    title: str
    config: type[ParentConfig]
    model: Callable[[Any], ParentNetwork]


PARENTS: dict[str, Parent] = {
    "semamba": Parent("SEMamba", SEMambaConfig, SEMamba),
    "mpsenet": Parent("MP-SENet", MPSENetConfig, MPSENet),
    "mpsenet-mamba": Parent("MP-SENet with Mamba", MPSENetMambaConfig, MPSENetMamba),
}


def find_parent(name: str) -> Parent:
    """One of `PARENTS` by its name.

    Raises:
        InputError: there is no such parent.
    """
    if name not in PARENTS:
        raise InputError(f"unknown parent '{name}': choose one of {', '.join(PARENTS)}")
    return PARENTS[name]


def parent_config(name: str, table: Mapping[str, Any], where: str) -> ParentConfig:
    """The configuration of a parent, its defaults where the table says nothing.

    Raises:
        InputError: there is no such parent, or the table does not fit; ``where`` stands in front.
    """
    kind = find_parent(name).config
    return from_table(kind, table, where, kind())


def load_parent(name: str, path: str | PathLike[str]) -> ParentNetwork:
    """Load weights of a parent on the CPU, in eval mode.

    What weights say of their model is what it is built of. Published ones say nothing: the sizes are then
    read from their shapes, and what leaves no trace there (window, a hop of a quarter of it, compression,
    beta) is taken to be as published.

    Args:
        name: of the parent.
        path: a published checkpoint, ``{"generator": state_dict}``, or trained safetensors.

    Raises:
        InputError: there is no such parent, the file is missing, or holds no weights of it.
    """
    parent = find_parent(name)
    weights, form = read_weights(path, parent.title), read_form(path)
    unfit = InputError(f"'{path}' holds the weights of another model, not of {parent.title}")
    if form.get("kind", name) != name:
        raise unfit
    told = None
    if "model" in form:
        told = parent_config(name, form["model"], f"{path}: its metadata are damaged")
    try:
        loaded = parent.model(told or parent.config.of_weights(weights))
        loaded.load_state_dict(weights, strict=True)
    except (LookupError, ArithmeticError, ValueError, RuntimeError) as error:
        raise unfit from error
    return loaded.eval()

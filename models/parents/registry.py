"""The parents by name: offline, audio-only models of others, whose published weights load unchanged.

>>> from lipstream.models.parents.registry import PARENTS, load_parent
>>> model = PARENTS["mpsenet"].model(PARENTS["mpsenet"].config())   # untrained
>>> model = load_parent("mpsenet", "g_best")                        # published, or safetensors
>>> wave = enhance_offline(model, wave)                             # models.parents.inference
"""

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from typing import Any

from ...errors import InputError
from .checkpoint import load_parent_weights
from .config import ParentConfig
from .inference import ParentModel
from .mpsenet import MPSENet, MPSENetConfig
from .mpsenet_mamba import MPSENetMamba, MPSENetMambaConfig
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
    model: Callable[[Any], ParentModel]


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


def load_parent(name: str, path: str | PathLike[str]) -> ParentModel:
    """Load weights of a parent on the CPU, in eval mode: see `checkpoint.load_parent_weights`.

    Raises:
        InputError: there is no such parent, the file is missing, or holds no weights of it.
    """
    parent = find_parent(name)
    return load_parent_weights(path, parent.title, parent.model, parent.config.of_weights)

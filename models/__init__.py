"""Layers, networks, presets, weights and export. Nothing is imported here until it is used: most need torch.

>>> from lipstream.models import MPSENet, MPSENetConfig
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .parents.mpsenet import MPSENet, MPSENetConfig
    from .parents.mpsenet_mamba import MPSENetMamba, MPSENetMambaConfig
    from .parents.semamba import SEMamba, SEMambaConfig

__all__ = ["MPSENet", "MPSENetConfig", "MPSENetMamba", "MPSENetMambaConfig", "SEMamba", "SEMambaConfig"]

_LAZY = {
    "MPSENet": ".parents.mpsenet",
    "MPSENetConfig": ".parents.mpsenet",
    "MPSENetMamba": ".parents.mpsenet_mamba",
    "MPSENetMambaConfig": ".parents.mpsenet_mamba",
    "SEMamba": ".parents.semamba",
    "SEMambaConfig": ".parents.semamba",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name], __name__), name)

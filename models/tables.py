"""Configurations of models as plain tables: what recipes change, and what weights say of themselves."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..core.tables import from_table
from ..errors import InputError
from .config import ModelConfig

#: Keys that a recipe does not change: one names the preset, the other is its key ``offline``.
_FIXED = ("name", "causal")


def to_table(config: ModelConfig) -> dict[str, Any]:
    """A configuration as JSON has it; `from_table` makes it of that again."""
    table: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return table


def changed(config: ModelConfig, table: Mapping[str, Any], where: str = "[model]") -> ModelConfig:
    """A configuration with changes: keys as in `ModelConfig`, and ``without``, see `ModelConfig.without`.

    Parts are left out first; what the table says of them then begins from their defaults.

    Raises:
        InputError: an unknown key, a bad value, or sizes that do not go together.
    """
    rest = {key: value for key, value in table.items() if key != "without"}
    if fixed := [key for key in _FIXED if key in rest]:
        raise InputError(f"{where}: '{fixed[0]}' is not to be changed here: set preset, or offline = true")
    parts = table.get("without", [])
    if not isinstance(parts, list | tuple):
        raise InputError(f"{where}: without must be an array of strings, not {parts!r}")
    try:
        base = config.without(*parts)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return from_table(ModelConfig, rest, where, base)

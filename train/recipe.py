"""Recipes: everything that decides a training run, in one TOML file."""

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..models.config import PRESETS
from .losses import LossConfig
from .mixing import MixConfig


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW with a linear warm-up and a cosine decay to ``final_fraction`` of the peak rate."""

    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warmup_steps: int = 200
    final_fraction: float = 0.02
    clip_norm: float = 1.0
    ema_decay: float = 0.998


@dataclass(frozen=True)
class Recipe:
    """One training run.

    Attributes:
        preset: the model, causal unless ``offline``.
        data: the folder of recordings, relative to the recipe's working directory.
        steps, batch: optimizer steps, and mixtures in each.
        validate_every, validation_items: steps between validations on held-out speakers and noises, and their number.
        held_out_noise: sources of noise kept for validation.
        seed: of everything random.
    """

    preset: str = "lite"
    offline: bool = False
    data: str = "../shared/data"
    steps: int = 20000
    batch: int = 8
    validate_every: int = 500
    validation_items: int = 24
    held_out_noise: tuple[str, ...] = ("noisekun", "blanket")
    seed: int = 1
    mix: MixConfig = field(default_factory=MixConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise InputError(f"unknown preset '{self.preset}': choose one of {', '.join(PRESETS)}")
        if min(self.steps, self.batch, self.validate_every, self.validation_items) < 1:
            raise InputError("steps, batch, validate_every and validation_items must be at least 1")


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _build(kind: type, table: dict[str, Any], where: str) -> Any:
    known = {item.name: item for item in fields(kind)}
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise InputError(f"{where}: unknown key '{unknown[0]}': known keys are {', '.join(known)}")
    values = {}
    for name, value in table.items():
        default = known[name].default_factory
        nested = isinstance(value, dict) and isinstance(default, type)
        values[name] = _build(default, value, f"{where} [{name}]") if nested else _tuples(value)
    try:
        return kind(**values)
    except TypeError as error:
        raise InputError(f"{where}: {error}") from error


def load_recipe(path: Path) -> Recipe:
    """Read a recipe; keys that are not named keep the defaults of the dataclasses above.

    Raises:
        InputError: no such file, no TOML, an unknown key or a bad value.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such recipe; those of the project are in train/recipes")
    try:
        table = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no valid TOML: {error}") from error
    recipe = _build(Recipe, table, str(path))
    assert isinstance(recipe, Recipe)
    return recipe

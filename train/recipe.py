"""Recipes: everything that decides a training run, in one TOML file."""

import tomllib
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..models.config import preset
from .losses import LossConfig
from .mixing import MixConfig
from .video_mixing import VideoConfig

_TOML_NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    tuple: "an array",
}


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
        data: the folder of recordings, relative to the working directory.
        steps, batch: optimizer steps, and mixtures in each.
        validate_every, validation_items: steps between validations, and mixtures in each.
        held_out_noise: sources of noise kept for validation.
        start_from: safetensors weights to begin with; empty for random ones.
        seed: of everything random.

    Raises:
        InputError: an unknown preset, a count below 1, or mixtures that are no whole hops of the preset.
    """

    preset: str = "lite"
    offline: bool = False
    data: str = "../shared/data"
    steps: int = 20000
    batch: int = 8
    validate_every: int = 500
    validation_items: int = 24
    held_out_noise: tuple[str, ...] = ("noisekun", "blanket")
    start_from: str = ""
    seed: int = 1
    mix: MixConfig = field(default_factory=MixConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    video: VideoConfig = field(default_factory=VideoConfig)

    def __post_init__(self) -> None:
        hop = preset(self.preset).stft.hop
        if self.mix.length % hop:
            raise InputError(f"mix: {self.mix.length} samples are no whole hops of {hop}: change seconds")
        if min(self.steps, self.batch, self.validate_every, self.validation_items) < 1:
            raise InputError("steps, batch, validate_every and validation_items must be at least 1")


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _convert(name: str, value: Any, default: Any, where: str) -> Any:
    """A value as the type of its default: tables are configurations, lists tuples, whole numbers floats."""
    if is_dataclass(default) and isinstance(value, dict):
        return _build(type(default), value, f"{where} [{name}]")
    if isinstance(default, float) and type(value) is int:
        return float(value)
    value = _tuples(value)
    if type(value) is not type(default):
        kind = _TOML_NAMES.get(type(default), "a table")
        raise InputError(f"{where}: {name} must be {kind}, not {value!r}")
    return value


def _build(kind: type, table: dict[str, Any], where: str) -> Any:
    defaults = vars(kind())
    unknown = sorted(set(table) - set(defaults))
    if unknown:
        raise InputError(f"{where}: unknown key '{unknown[0]}': known keys are {', '.join(defaults)}")
    values = {name: _convert(name, value, defaults[name], where) for name, value in table.items()}
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: {error}") from error


def load_recipe(path: Path) -> Recipe:
    """Read a recipe; keys that are not named keep the defaults of the dataclasses above.

    Raises:
        InputError: no such file, no TOML, an unknown key or a bad value.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such recipe; those of the project are in train/recipes")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no valid TOML: {error}") from error
    recipe = _build(Recipe, table, str(path))
    assert isinstance(recipe, Recipe)
    return recipe

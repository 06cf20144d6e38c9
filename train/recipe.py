"""Recipes: everything that decides a training run, in one TOML file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from ..errors import InputError
from ..models.config import preset
from ..models.parents.semamba import SEMambaConfig
from .losses.loss import LossConfig
from .mixing.mixtures import MixConfig
from .mixing.video_mixtures import VideoConfig
from .run.optimizer import OptimizerConfig

#: Name of the audio-only parent, which is no preset of the streaming models.
SEMAMBA = "semamba"

Device = Literal["cpu", "cuda"]
Precision = Literal["float32", "bfloat16"]

_TOML_NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    tuple: "an array",
}


@dataclass(frozen=True)
class Recipe:
    """One training run.

    Attributes:
        preset: the model, causal unless ``offline``; or ``semamba``, the audio-only parent, always offline.
        without: parts of the fusion that the model does without, ``vce`` or ``fsvg``.
        data: a folder of recordings or a manifest of them, or several, relative to the working directory.
        exclude_licences: recordings whose licence contains one of these are not used.
        steps, batch: optimizer steps, and mixtures in each, over all processes together.
        workers: processes that draw batches ahead; the batches are the same for any number, 0 for none.
        validate_every, validation_items: steps between validations, and mixtures in each.
        held_out_noise: sources of noise kept for validation.
        max_bad_batches: batches in a row without a finite gradient after which the run goes back to its last
            checkpoint.
        device: ``cpu`` or ``cuda``.
        precision: ``float32``; or, on CUDA, ``bfloat16``: the network under autocast.
        start_from: safetensors weights to begin with; empty for random ones.
        grow: ``start_from`` may lack parameters of the model, which then begin as in an untrained one; the
            others may learn slower, see `OptimizerConfig.known_rate`.
        seed: of everything random.

    Raises:
        InputError: an unknown preset, a count below 1, mixtures that are no whole hops of the preset, or keys
            that do not go together, such as bfloat16 and a CPU.
    """

    preset: str = "lite"
    offline: bool = False
    without: tuple[str, ...] = ()
    data: str | tuple[str, ...] = "../shared/data"
    exclude_licences: tuple[str, ...] = ()
    steps: int = 20000
    batch: int = 8
    workers: int = 0
    validate_every: int = 500
    validation_items: int = 24
    held_out_noise: tuple[str, ...] = ("noisekun", "blanket")
    max_bad_batches: int = 20
    device: str = "cpu"
    precision: str = "float32"
    start_from: str = ""
    grow: bool = False
    seed: int = 1
    mix: MixConfig = field(default_factory=MixConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    video: VideoConfig = field(default_factory=VideoConfig)

    def __post_init__(self) -> None:
        if self.mix.length % self.hop:
            raise InputError(
                f"mix: {self.mix.length} samples are no whole hops of {self.hop}: change seconds"
            )
        counts = (self.steps, self.batch, self.validate_every, self.validation_items, self.max_bad_batches)
        if min(counts) < 1:
            raise InputError(
                "steps, batch, validate_every, validation_items and max_bad_batches must be at least 1"
            )
        if self.workers < 0:
            raise InputError("workers must be at least 0")
        _check_choice("device", self.device, Device)
        _check_choice("precision", self.precision, Precision)
        if self.precision == "bfloat16" and self.device == "cpu":
            raise InputError(
                'precision "bfloat16" is for CUDA: set precision = "float32" to train on a CPU, '
                'or device = "cuda"'
            )
        self._check_model()

    def _check_model(self) -> None:
        if self.grow and not self.start_from:
            raise InputError("grow needs weights to grow from: name them in start_from")
        if self.optimizer.known_rate != 1.0 and not self.grow:
            raise InputError("optimizer.known_rate is for models that grow: leave it out, or set grow = true")
        if self.preset != SEMAMBA:
            config = preset(self.preset).without(*self.without)  # refuses parts that there are not
            if config.gate is not None and (self.video.share or self.video.freeze):
                raise InputError(
                    f"model '{self.preset}' sees landmarks, and no lip crops to train on: leave out "
                    "video.share and video.freeze, or train its lips with lipstream cue"
                )
        elif self.without or self.video.share or self.video.freeze or self.grow:
            raise InputError(
                "semamba hears only and has no parts: leave out 'without', grow, video.share and video.freeze"
            )

    @property
    def hop(self) -> int:
        """Samples from one frame of the model to the next."""
        return SEMambaConfig().hop_size if self.preset == SEMAMBA else preset(self.preset).stft.hop


def _check_choice(name: str, value: str, choices: object) -> None:
    if value not in get_args(choices):
        raise InputError(f"{name} '{value}' is unknown: choose one of {', '.join(get_args(choices))}")


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _convert(name: str, value: Any, default: Any, where: str) -> Any:
    """A value as the type of its default: tables are configurations, lists tuples, whole numbers floats."""
    if is_dataclass(default) and isinstance(value, dict):
        return _build(type(default), value, f"{where} [{name}]")
    if isinstance(default, float) and type(value) is int:
        return float(value)
    value = _tuples(value)
    if name == "data" and isinstance(value, tuple) and all(isinstance(place, str) for place in value):
        return value
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


_Table = TypeVar("_Table")


def load_recipe(path: Path, changes: Mapping[str, str | int] | None = None) -> Recipe:
    """Read a recipe of `lipstream train`, see `read_table`."""
    return read_table(Recipe, path, changes)


def read_table(kind: type[_Table], path: Path, changes: Mapping[str, str | int] | None = None) -> _Table:
    """Read a recipe; keys that are not named keep the defaults of its dataclass.

    Args:
        kind: a dataclass whose fields all have defaults, such as `Recipe`.
        path: of the TOML file.
        changes: keys of the first level with values that replace those of the file.

    Raises:
        InputError: no such file, no TOML, an unknown key or a bad value.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such recipe; those of the project are in train/recipes")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no valid TOML: {error}") from error
    recipe = _build(kind, {**table, **(changes or {})}, str(path))
    assert isinstance(recipe, kind)
    return recipe

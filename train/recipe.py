"""Recipes: everything that decides a training run, in one TOML file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from ..core.tables import from_table
from ..errors import InputError
from ..models.config import ModelConfig, preset
from ..models.parents.config import ParentConfig
from ..models.parents.registry import parent_config
from ..models.store.folder import PARENTS
from ..models.tables import changed
from .losses.loss import LossConfig
from .losses.spectra import PARENT_TERMS
from .mixing.mixtures import MixConfig, NoiseKinds
from .mixing.video_mixtures import VideoConfig
from .run.optimizer import OptimizerConfig

Device = Literal["cpu", "cuda"]
Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Recipe:
    """One training run.

    Attributes:
        preset: the model, causal unless ``offline``; or an audio-only parent, ``semamba``, ``mpsenet`` or
            ``mpsenet-mamba``, always offline.
        model: what it has other than the preset: see `models.tables.changed`; of a parent the fields of its
            configuration.
        pcs: a parent learns speech of stretched contrast, see `perceptual_contrast_stretching`.
        data: a manifest of recordings or a folder with tables of them, or several, relative to the working
            directory.
        speech, noise: folders of audio files, in place of ``data`` or beside it: see `own_speech`.
        exclude_licences: recordings whose licence contains one of these are not used.
        steps, batch: optimizer steps, and mixtures in each, over all processes together.
        shard_window: shards of each source that are drawn from at a time, where ``data`` names shards.
        workers: processes that draw batches ahead; the batches are the same for any number, 0 for none.
        validate_every, validation_items: steps between validations, and mixtures in each.
        held_out_noise: sources of noise kept for validation.
        max_bad_batches: batches in a row without a finite gradient after which the run goes back to its last
            checkpoint.
        device: ``cpu`` or ``cuda``.
        precision: ``float32``; or, on CUDA, ``bfloat16``: the network under autocast.
        start_from: safetensors weights to begin with, or a model that has them, as ``lite``; empty for random
            ones.
        grow: ``start_from`` may lack parameters of the model, which then begin as in an untrained one; the
            others may learn slower, see `OptimizerConfig.known_rate`.
        seed: of everything random.

    Raises:
        InputError: an unknown preset, a count below 1, mixtures that are no whole hops of the preset, or keys
            that do not go together, such as bfloat16 and a CPU.
    """

    preset: str = "lite"
    offline: bool = False
    model: dict[str, Any] = field(default_factory=dict)
    data: str | tuple[str, ...] = ()
    speech: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    exclude_licences: tuple[str, ...] = ()
    steps: int = 20000
    batch: int = 8
    shard_window: int = 8
    workers: int = 0
    validate_every: int = 500
    validation_items: int = 24
    held_out_noise: tuple[str, ...] = ()
    max_bad_batches: int = 20
    device: str = "cpu"
    precision: str = "float32"
    start_from: str = ""
    grow: bool = False
    pcs: bool = False
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
        if self.shard_window < 1:
            raise InputError("shard_window must be at least 1")
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
        network = self.network
        if isinstance(network, ModelConfig):
            if network.gate is not None and (self.video.share or self.video.freeze):
                raise InputError(
                    f"model '{self.preset}' has a voice gate, and no fusion to train with video: leave out "
                    "video.share and video.freeze, or train its lips with lipstream cue"
                )
            if network.sees_landmarks and self.video.freeze:
                raise InputError(
                    "video.freeze is for lip crops: an encoder of landmarks is never trained here"
                )
            if self.pcs or self.loss.metric:
                raise InputError(f"pcs and loss.metric are for {', '.join(PARENTS)}: leave them out")
        else:
            self._check_parent()

    def _check_parent(self) -> None:
        if self.video.share or self.video.freeze or self.grow:
            raise InputError(f"{self.preset} hears only: leave out grow, video.share and video.freeze")
        weights = self.loss.weights().items()
        if foreign := [name for name, weight in weights if weight and name not in PARENT_TERMS]:
            raise InputError(
                f"loss.{foreign[0]} is no term of {self.preset}: set it to 0; its terms are "
                f"{', '.join(PARENT_TERMS)}"
            )

    @property
    def network(self) -> ModelConfig | ParentConfig:
        """The configuration of the model.

        Raises:
            InputError: there is no such preset, or its sizes do not go together.
        """
        if self.preset in PARENTS:
            return parent_config(self.preset, self.model, "[model]")
        config = changed(preset(self.preset), self.model)
        return config.offline() if self.offline else config

    @property
    def hop(self) -> int:
        """Samples from one frame of the model to the next."""
        network = self.network
        return network.stft.hop if isinstance(network, ModelConfig) else network.hop_size


def _check_choice(name: str, value: str, choices: object) -> None:
    if value not in get_args(choices):
        raise InputError(f"{name} '{value}' is unknown: choose one of {', '.join(get_args(choices))}")


_Table = TypeVar("_Table")


def load_recipe(path: Path, changes: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe of `lipstream train`, see `read_table`."""
    return read_table(Recipe, path, changes)


def read_table(kind: type[_Table], path: Path, changes: Mapping[str, Any] | None = None) -> _Table:
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
    _refuse_old_forms(table, path)
    return from_table(kind, {**table, **(changes or {})}, str(path), kind())


def in_new_form(table: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe of before version 0.3, as a checkpoint may hold one, in the form of today.

    ``without`` stood at the first level, ``mix.noise_kinds`` were five numbers, ``mix.source_weights`` pairs.
    """
    new = dict(table)
    if parts := new.pop("without", None):
        new["model"] = {**new.get("model", {}), "without": parts}
    if isinstance(new.get("mix"), dict):
        new["mix"] = mix = dict(new["mix"])
        if isinstance(kinds := mix.get("noise_kinds"), list):
            mix["noise_kinds"] = dict(zip((field.name for field in fields(NoiseKinds)), kinds, strict=False))
        if isinstance(pairs := mix.get("source_weights"), list):
            mix["source_weights"] = dict(pairs)
    return new


def _refuse_old_forms(table: Mapping[str, Any], path: Path) -> None:
    """InputError for what was written otherwise before, with what is to be written."""
    try:
        new = in_new_form(table)
    except (TypeError, ValueError):
        return  # no form at all, which is told by its type
    if "without" in table:
        raise InputError(f"{path}: without stands in the table [model] now: write [model] without = [...]")
    mix, new_mix = table.get("mix"), new.get("mix")
    for key in ("noise_kinds", "source_weights"):
        if isinstance(mix, dict) and isinstance(new_mix, dict) and mix.get(key) != new_mix.get(key):
            named = (f"{name} = {weight}" for name, weight in new_mix[key].items())
            shown = ", ".join(named) or "nothing, or leave it out"
            raise InputError(f"{path}: {key} has names now: in a table [mix.{key}] write {shown}")

"""The folder of a run: its checkpoint and its best weights, each with the recipe they were made by."""

import json
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from ...core.storage import written_whole
from ...errors import InputError
from ...models.config import ModelConfig
from ...models.store.card import TRAINING_KEY
from ...models.store.folder import RUN_WEIGHTS, form_metadata, kind_metadata
from ..recipe import Recipe, in_new_form

#: What may change between the parts of a run: where and how long it runs, not what it learns.
FREE_KEYS = {"data", "speech", "noise", "device", "workers", "steps", "validate_every", "max_bad_batches"}
#: Tables whose keys are no keys of the recipe.
_WHOLE = {"model", "mix.source_weights"}


class RunFolder:
    """Writes and reads what a run leaves, whole or not at all: ``checkpoint.pt`` and ``best.safetensors``."""

    def __init__(self, path: Path, recipe: Recipe) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.recipe = recipe
        self.checkpoint, self.best = path / "checkpoint.pt", path / RUN_WEIGHTS

    def save(self, content: dict[str, Any]) -> None:
        """Write the checkpoint."""
        with written_whole(self.checkpoint) as partial:
            torch.save({**content, "recipe": json.dumps(asdict(self.recipe))}, partial)

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """The checkpoint; None where there is none.

        Raises:
            InputError: it is damaged, or another recipe made it.
        """
        if not self.checkpoint.exists():
            return None
        try:
            content: dict[str, Any] = torch.load(self.checkpoint, map_location=device, weights_only=True)
            made_by = in_new_form(json.loads(content.get("recipe", "{}")))
        except (RuntimeError, AttributeError, ValueError, EOFError, pickle.UnpicklingError) as error:
            raise self.unfit("it is damaged") from error
        for key, (there, here) in _differences(made_by, self.recipe):
            if key.partition(".")[0] not in FREE_KEYS:
                raise self.unfit(f"{key} was {there} when it was made, and is {here}")
        return content

    def unfit(self, reason: str) -> InputError:
        """The error of a checkpoint that cannot be gone on with."""
        return InputError(f"{self.checkpoint} does not fit this recipe ({reason}): start in an empty folder")

    def save_best(
        self, net: nn.Module, step: int, scores: dict[str, float], learned_from: Mapping[str, object]
    ) -> None:
        """Write weights with the model, the recipe, the step, the scores and the data as metadata.

        So the folder is one of a model, see `models.store.folder`.
        """
        recipe = self.recipe
        training = {
            "preset": recipe.preset,
            "steps": step,
            "heard_h": round(step * recipe.batch * recipe.mix.seconds / 3600, 2),
            "started_from_weights": bool(recipe.start_from),
            **learned_from,
        }
        config = recipe.network
        metadata = {
            "recipe": json.dumps(asdict(recipe)),
            "step": str(step),
            "scores": json.dumps(scores),
            TRAINING_KEY: json.dumps(training),
        }
        if isinstance(config, ModelConfig):
            metadata |= form_metadata(config)
        else:
            metadata |= kind_metadata(recipe.preset, asdict(config))
        with written_whole(self.best) as partial:
            save_file(net.state_dict(), partial, metadata)


def _differences(made_by: dict[str, Any], recipe: Recipe) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Keys with what they were and are. A key that was not yet known then had its default."""
    here = dict(_flat(json.loads(json.dumps(asdict(recipe)))))
    defaults = dict(_flat(json.loads(json.dumps(asdict(Recipe())))))
    there = here if not made_by else defaults | dict(_flat(made_by))
    for key in here:
        if there.get(key) != here[key]:
            yield key, (there.get(key), here[key])


def _flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """``{"a": {"b": 1}}`` -> ``("a.b", 1)``."""
    for key, value in table.items():
        if isinstance(value, dict) and prefix + key not in _WHOLE:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value

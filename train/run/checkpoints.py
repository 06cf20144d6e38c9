"""The folder of a run: its checkpoint and its best weights, each with the recipe they were made by."""

import json
import pickle
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from ...core.storage import written_whole
from ...errors import InputError
from ...models.store.checkpoint import form_metadata
from ..recipe import SEMAMBA, Recipe

#: What may change between the parts of a run: where and how long it runs, not what it learns.
FREE_KEYS = {"data", "device", "workers", "steps", "validate_every", "max_bad_batches"}


class RunFolder:
    """Writes and reads what a run leaves, whole or not at all: ``checkpoint.pt`` and ``best.safetensors``."""

    def __init__(self, path: Path, recipe: Recipe) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path, self.recipe = path, recipe
        self.checkpoint = path / "checkpoint.pt"

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
            made_by = json.loads(content.get("recipe", "{}"))
        except (RuntimeError, AttributeError, ValueError, EOFError, pickle.UnpicklingError) as error:
            raise self.unfit("it is damaged") from error
        for key, (there, here) in _differences(made_by, self.recipe):
            if key.partition(".")[0] not in FREE_KEYS:
                raise self.unfit(f"{key} was {there} when it was made, and is {here}")
        return content

    def unfit(self, reason: str) -> InputError:
        """The error of a checkpoint that cannot be gone on with."""
        return InputError(f"{self.checkpoint} does not fit this recipe ({reason}): start in an empty folder")

    def save_best(self, net: nn.Module, step: int, scores: dict[str, float]) -> None:
        """Write weights with the recipe, the step and the scores as metadata."""
        recipe = self.recipe
        metadata = {
            "recipe": json.dumps(asdict(recipe)),
            "step": str(step),
            "scores": json.dumps(scores),
        }
        if recipe.preset != SEMAMBA:
            metadata |= form_metadata(recipe.preset, recipe.offline, recipe.without)
        with written_whole(self.path / "best.safetensors") as partial:
            save_file(net.state_dict(), partial, metadata)


def _differences(made_by: dict[str, Any], recipe: Recipe) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Keys with what they were and are. A key that was not yet known then had its default."""
    here = dict(_flat(json.loads(json.dumps(asdict(recipe)))))
    defaults = dict(_flat(json.loads(json.dumps(asdict(Recipe())))))
    there = here if not made_by else defaults | dict(_flat(made_by))
    for key in here:
        if there[key] != here[key]:
            yield key, (there[key], here[key])


def _flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """``{"a": {"b": 1}}`` -> ``("a.b", 1)``."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value

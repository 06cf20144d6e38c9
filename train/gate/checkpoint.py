"""What a run leaves on its way: the gate, its mean and the optimizer, with the recipe they were made by."""

import hashlib
import json
import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ...core.storage import written_whole
from ...errors import InputError
from ...models.lips.voice_gate import VoiceGate
from .recipe import GateRecipe

#: Keys of a recipe that name places, which may change.
_PLACES = ("data", "start_from", "errors", "real")


class Place(NamedTuple):
    """Where a run stands: steps that are done in a stage, and in all of them."""

    stage: int = 0
    step: int = 0
    total: int = 0


def described(recipe: GateRecipe) -> dict[str, Any]:
    """The recipe as json has it, without the places of one machine."""
    table: dict[str, Any] = json.loads(json.dumps(asdict(recipe)))
    return {name: value for name, value in table.items() if name not in _PLACES}


class GateCheckpoint:
    """The file ``OUT.checkpoint`` beside the output of a run.

    Args:
        out: the output.
        recipe: of the run.
        weights: that it starts from: with others, a run cannot be gone on with.
    """

    def __init__(self, out: Path, recipe: GateRecipe, weights: Path) -> None:
        self.path = out.with_name(out.name + ".checkpoint")
        sound = hashlib.sha256(weights.read_bytes()).hexdigest()
        self._made_by = json.dumps({**described(recipe), "sound": sound}, sort_keys=True)

    def save(
        self, place: Place, gate: VoiceGate, average: VoiceGate, optimizer: dict[str, Any] | None
    ) -> None:
        """Write it, whole or not at all.

        Raises:
            InputError: it cannot be written.
        """
        content = {
            "made_by": self._made_by,
            "place": tuple(place),
            "gate": gate.state_dict(),
            "average": average.state_dict(),
            "optimizer": optimizer,
        }
        try:
            with written_whole(self.path) as partial:
                torch.save(content, partial)
        except OSError as error:
            raise InputError(f"cannot write '{self.path}': {error}") from error

    def load(self, gate: VoiceGate, average: VoiceGate) -> tuple[Place, dict[str, Any] | None]:
        """Fill the gate and its mean, where there is a checkpoint.

        Returns:
            Where the run stands, and the state of its optimizer; None at the start of a stage.

        Raises:
            InputError: it is damaged, or another recipe or other weights made it.
        """
        if not self.path.exists():
            return Place(), None
        try:
            content: dict[str, Any] = torch.load(self.path, weights_only=True)
            if content["made_by"] != self._made_by:
                raise self._unfit("another recipe or other weights made it")
            gate.load_state_dict(content["gate"])
            average.load_state_dict(content["average"])
            return Place(*content["place"]), content["optimizer"]
        except (OSError, RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
            raise self._unfit("it is damaged") from error

    def remove(self) -> None:
        """The run is at its end."""
        self.path.unlink(missing_ok=True)

    def _unfit(self, reason: str) -> InputError:
        return InputError(
            f"{self.path} cannot be gone on with ({reason}): remove it, or write to another --out"
        )

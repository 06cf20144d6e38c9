"""The three stages: what each draws from the pool, which parameters it moves, and by which loss."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.arrays import Float32
from ...models.layers.stft import Analysis
from ...models.lips.fusion import freshness
from ...models.lips.voice_gate import VoiceGate
from ..cue.errors import CueErrors
from ..mixing.cues import CueKind, draw_cue, make_cue
from .losses import spectral_error, trust_error
from .pool import Pool
from .recipe import GateRecipe, StageConfig, TrunkConfig

#: Above this ratio of signal to distortion the audio-only output counts as clean.
_CLEAN_DB = 12.0


class GateBatch(NamedTuple):
    """What the gate gets, and what it should have made of it.

    Attributes:
        heard, kept, clean: spectra ``[B, 2, T, F]``: the mixture, the audio-only output, the speech.
        gain: ``[B, T]``, see `InputLevel`.
        cue: ``[B, T, 10]``, the newest at each frame.
        age_s: ``[B, T]``.
        trust: ``[B]``, 1 where the cue tells of this speech, else 0.
    """

    heard: Tensor
    kept: Tensor
    clean: Tensor
    gain: Tensor
    cue: Tensor
    age_s: Tensor
    trust: Tensor


class Source:
    """Draws batches: mixtures of the pool, each with a new cue."""

    def __init__(self, recipe: GateRecipe, pool: Pool, errors: CueErrors) -> None:
        self.recipe, self.pool, self.errors = recipe, pool, errors
        self.stft, self.analysis = recipe.config.stft, Analysis(recipe.config.stft)

    def draw(self, size: int, rng: np.random.Generator) -> GateBatch:
        """Whole mixtures with cues of all kinds."""
        return self._collect(self._item(None, self.recipe.frames, rng) for _ in range(size))

    def draw_right(self, config: TrunkConfig, rng: np.random.Generator) -> GateBatch:
        """Parts of mixtures with cues that may be trusted."""
        frames = max(round(config.seconds * self.stft.frames_per_second), 1)
        kinds: list[CueKind] = [
            "dropped" if rng.random() < config.dropped else "right" for _ in range(config.batch)
        ]
        return self._collect(self._item(kind, frames, rng) for kind in kinds)

    def _item(
        self, kind: CueKind | None, frames: int, rng: np.random.Generator
    ) -> tuple[Float32 | float, ...]:
        """The waves with the samples before them that their first frame reaches back to."""
        item, hop = self.pool.pick(rng), self.stft.hop
        places = (item.clean, item.other, self.recipe.frames, hop / self.stft.sample_rate, self.errors)
        cues = self.recipe.cues
        given = (*places, cues, rng, item.real)
        view = draw_cue(*given) if kind is None else make_cue(kind, *given)
        first = int(rng.integers(self.recipe.frames - frames + 1))
        part, before = slice(first, first + frames), self.stft.window - hop
        waves = [
            np.pad(wave, (before, 0))[first * hop : before + (first + frames) * hop]
            for wave in (item.noisy, item.clean)
        ]
        cue = view.cue[view.newest]
        return (*waves, item.kept[:, part], item.gain[part], cue[part], view.age_s[part], view.trust)

    def _collect(self, items: Iterable[tuple[Float32 | float, ...]]) -> GateBatch:
        columns = (np.stack(column).astype(np.float32) for column in zip(*items, strict=True))
        noisy, clean, kept, gain, cue, age_s, trust = (torch.from_numpy(column) for column in columns)
        heard, spoken = (self._spectrum(wave) for wave in (noisy, clean))
        return GateBatch(heard, kept, spoken, gain, cue, age_s, trust)

    def _spectrum(self, wave: Tensor) -> Tensor:
        before = self.stft.window - self.stft.hop
        spectrum, _ = self.analysis(wave[:, before:], wave[:, :before])
        return spectrum


#: A loss, and figures by name to be told; those that a batch has none of are left out.
Outcome = tuple[Tensor, dict[str, float]]


def trunk_loss(gate: VoiceGate, source: Source, rng: np.random.Generator) -> Outcome:
    """The trunk alone: alpha is given, a little less than it could be at random."""
    config = source.recipe.trunk
    batch = source.draw_right(config, rng)
    less = torch.from_numpy(rng.random((config.batch, 1), dtype=np.float32)).square()
    alpha = freshness(batch.age_s) * (1.0 - (1.0 - config.least_alpha) * less)
    opening = gate.opening(batch.heard, batch.kept, batch.gain, batch.cue, alpha)
    return _separation_loss(batch, opening, source.recipe)


def trust_loss(gate: VoiceGate, source: Source, rng: np.random.Generator) -> Outcome:
    """Alpha alone: whether a cue may be trusted."""
    batch = source.draw(source.recipe.trust.batch, rng)
    alpha = gate.confidence(batch.heard, batch.kept, batch.gain, batch.cue, batch.age_s)
    loss = trust_error(alpha, batch.trust, batch.age_s).mean()
    return loss, {"loss": loss.item(), **_alphas(alpha, batch)}


def joint_loss(gate: VoiceGate, source: Source, rng: np.random.Generator) -> Outcome:
    """All as it runs: the trunk by the gate's own alpha, and alpha also by what comes of it."""
    batch, weights = source.draw(source.recipe.joint.batch, rng), source.recipe.loss
    opening, alpha, _ = gate(batch.heard, batch.kept, batch.gain, batch.cue, batch.age_s)
    loss, told = _separation_loss(batch, opening, source.recipe, weights.clean)
    loss = loss + weights.trust * trust_error(alpha, batch.trust, batch.age_s).mean()
    return loss, {**told, "loss": loss.item(), **_alphas(alpha, batch)}


def _separation_loss(batch: GateBatch, opening: Tensor, recipe: GateRecipe, clean: float = 1.0) -> Outcome:
    """The speech where a cue may be trusted, else no worse than audio alone; ``clean`` weighs clean ones."""
    weights = recipe.loss
    error, ratio_db = spectral_error(batch.kept * opening.unsqueeze(1), batch.clean, batch.gain, weights.lost)
    with torch.no_grad():
        alone, alone_db = spectral_error(batch.kept, batch.clean, batch.gain, weights.lost)
    gained_db = ratio_db - alone_db
    harm_db = F.relu(-gained_db)
    right = error - weights.sdr * ratio_db + weights.harm * harm_db
    # A cue that misleads by chance the right way does no harm: only what is lost to audio alone counts.
    misled = F.relu(error - alone) + weights.misled * harm_db
    counts = torch.where(alone_db > _CLEAN_DB, clean, 1.0)
    loss = (counts * torch.where(batch.trust > 0, right, misled)).mean()
    told = {"loss": loss.item(), "error": error.mean().item()}
    told |= _mean("gain_db", gained_db[batch.trust > 0])
    return loss, told | _mean("misled_db", gained_db[batch.trust == 0])


def _alphas(alpha: Tensor, batch: GateBatch) -> dict[str, float]:
    """Mean alpha in the last quarter, of cues that may be trusted and of others."""
    late = alpha[:, -(alpha.shape[1] // 4) :].mean(1)
    return _mean("alpha_right", late[batch.trust > 0]) | _mean("alpha_wrong", late[batch.trust == 0])


def _mean(name: str, values: Tensor) -> dict[str, float]:
    return {name: values.detach().mean().item()} if len(values) else {}


@dataclass(frozen=True)
class Stage:
    """One of the three.

    Attributes:
        name: of its table in a recipe.
        moves: whether it moves a parameter of the gate, by its name.
        loss: of a new batch.
    """

    name: str
    moves: Callable[[str], bool]
    loss: Callable[[VoiceGate, Source, np.random.Generator], Outcome]

    def config(self, recipe: GateRecipe) -> StageConfig:
        """Its table in a recipe."""
        config: StageConfig = getattr(recipe, self.name)
        return config

    def parameters(self, gate: VoiceGate) -> list[tuple[str, nn.Parameter]]:
        """What it moves."""
        return [(name, parameter) for name, parameter in gate.named_parameters() if self.moves(name)]


STAGES = (
    Stage("trunk", lambda name: not name.startswith("trust."), trunk_loss),
    Stage("trust", lambda name: name.startswith("trust."), trust_loss),
    Stage("joint", lambda name: True, joint_loss),
)

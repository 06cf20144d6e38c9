"""Trains a voice gate stage by stage, from a pool of mixtures, with checkpoints to go on from."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ...errors import InputError
from ...models.config import preset
from ...models.lips.voice_gate import VoiceGate
from ...models.lite_avse import LiteAVSEMamba
from ...models.store.checkpoint import grow_model
from ...models.store.join import GATE_PREFIX, with_gate
from ...models.store.registry import require_file, weights_file
from ..cue.errors import ERRORS_FILE, load_errors
from ..data.corpus import Corpus, read_corpus, read_library
from ..mixing.mixtures import Mixer
from ..run.optimizer import Optimizer, learning_rate, make_optimizer, set_learning_rate
from .checkpoint import GateCheckpoint, Place, described
from .held_out import read_held_out
from .pool import Pool
from .recipe import GateRecipe
from .stages import STAGES, Source, Stage

#: Steps between two reports.
_REPORT_EVERY = 50
#: Mixtures between two reports of a pool that fills.
_FILL_EVERY = 100

#: Progress of a run: what goes on, such as "trunk 50/2600", and figures by name.
Report = Callable[[str, dict[str, float]], None]


class GateTrainer:
    """One run: it begins, or goes on from the checkpoint beside its output.

    Args:
        recipe: of the run.
        out: the safetensors file to write; ``OUT.checkpoint`` stands beside it until then.
        cache: folder for decoded recordings.

    Raises:
        InputError: data, weights or cue errors that are missing or do not fit, or a checkpoint of another
            recipe.
    """

    def __init__(self, recipe: GateRecipe, out: Path, cache: Path) -> None:
        self.recipe, self.out = recipe, out
        shipped = weights_file(recipe.preset)
        self.weights = Path(recipe.start_from) if recipe.start_from else require_file(shipped, recipe.preset)
        net = _network(recipe.preset, self.weights, recipe.keep_gate)
        errors = load_errors(Path(recipe.errors) if recipe.errors else ERRORS_FILE)
        config = recipe.config
        assert config.gate is not None
        torch.manual_seed(recipe.seed)
        self.gate = VoiceGate(config.gate, config.band, config.stft)
        if recipe.keep_gate and net.gate is not None:
            self.gate.load_state_dict(net.gate.state_dict())
        self.average = copy.deepcopy(self.gate).requires_grad_(False)
        self.checkpoint = GateCheckpoint(out, recipe, self.weights)
        self.place, self.optimizer_state = self.checkpoint.load(self.gate, self.average)
        self.stopping = False
        faces = read_held_out(Path(recipe.real), recipe.held_out_speakers) if recipe.real else None
        corpus = _training_part(
            read_corpus(read_library(recipe.data, recipe.exclude_licences), cache), recipe
        )
        self.pool = Pool(Mixer(corpus, recipe.mix), net, recipe.pool, recipe.seed, faces)
        self.source = Source(recipe, self.pool, errors)

    @property
    def done(self) -> bool:
        """Whether all stages are."""
        return self.place.stage == len(STAGES)

    def stop(self) -> None:
        """End `run` after the step that runs, with a checkpoint. A signal handler may call it."""
        self.stopping = True

    def run(self, report: Report) -> None:
        """Train to the end and write the output, or until `stop`.

        Raises:
            InputError: a step without a finite gradient, or a file that cannot be written.
        """
        while not self.done and not self.stopping:
            self._run_stage(report)
        if self.done:
            with_gate(self.recipe.preset, self.weights, self.average, described(self.recipe), self.out)
            self.checkpoint.remove()

    def _run_stage(self, report: Report) -> None:
        """The rest of a stage. Its end is a checkpoint, and so is a stop on the way."""
        stage = STAGES[self.place.stage]
        config, recent = stage.config(self.recipe), list[dict[str, float]]()
        optimizer = make_optimizer(stage.parameters(self.gate), self.recipe.optimizer)
        if self.optimizer_state is not None:
            optimizer.load_state_dict(self.optimizer_state)
        while self.place.step < config.steps and self._fill(report) and not self.stopping:
            recent.append(self._step(stage, optimizer))
            if self.place.step % _REPORT_EVERY == 0 or self.place.step == config.steps:
                report(f"{stage.name} {self.place.step}/{config.steps}", _means(recent))
                recent = []
            if self.place.step % self.recipe.checkpoint_every == 0 and self.place.step < config.steps:
                self.checkpoint.save(self.place, self.gate, self.average, optimizer.state_dict())
        self.optimizer_state = optimizer.state_dict()
        if self.place.step == config.steps:
            self.place = Place(self.place.stage + 1, 0, self.place.total)
            self.gate.load_state_dict(self.average.state_dict())  # the next stage goes on from the mean
            self.optimizer_state = None
        self.checkpoint.save(self.place, self.gate, self.average, self.optimizer_state)

    def _step(self, stage: Stage, optimizer: Optimizer) -> dict[str, float]:
        """One step. What it draws depends on the seed, the stage and the step alone."""
        recipe, step, config = self.recipe, self.place.step, stage.config(self.recipe)
        rng = np.random.default_rng((recipe.seed, 1 + self.place.stage, step))
        set_learning_rate(optimizer, config.rate * learning_rate(step, recipe.optimizer, config.steps))
        loss, told = stage.loss(self.gate, self.source, rng)
        optimizer.zero_grad()
        loss.backward()
        parameters = [parameter for _, parameter in stage.parameters(self.gate)]
        norm = nn.utils.clip_grad_norm_(parameters, recipe.optimizer.clip_norm)
        if not norm.isfinite():
            raise InputError(
                f"step {step + 1} of stage {stage.name} gave no finite gradient: lower "
                "optimizer.learning_rate, or look for damaged recordings"
            )
        optimizer.step()
        decay = min(recipe.optimizer.ema_decay, (1 + step) / (10 + step))
        for mean, value in zip(self.average.parameters(), self.gate.parameters(), strict=True):
            mean.lerp_(value.detach(), 1 - decay)
        self.place = Place(self.place.stage, step + 1, self.place.total + 1)
        return told

    def _fill(self, report: Report) -> bool:
        """Bring the pool to this step; whether it came to its end before a stop."""
        for left in self.pool.advance(self.place.total):
            if left % _FILL_EVERY == 0 and left > 0:
                report("pool", {"left": left})
            if self.stopping and left > 0:
                return False
        return True


def _network(name: str, weights: Path, with_gate: bool) -> LiteAVSEMamba:
    """The model for sound with its encoder, and the gate of the weights where that is asked for."""
    net, lacking = grow_model(preset(name), weights)
    missing = [key for key in lacking if with_gate or not key.startswith(GATE_PREFIX)]
    if missing:
        fix = "add encoder C with lipstream cue join"
        if missing[0].startswith(GATE_PREFIX):
            fix = "leave out keep_gate"
        raise InputError(f"{weights} does not fit preset '{name}': it lacks {missing[0]}; {fix}")
    return net.requires_grad_(False)


def _training_part(corpus: Corpus, recipe: GateRecipe) -> Corpus:
    """Without what its manifest keeps for validation, and the noise that the recipe leaves out."""
    training, _ = corpus.split(lambda clip: clip.split == "valid" or clip.source in recipe.exclude_noise)
    return training


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each figure over the steps that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}

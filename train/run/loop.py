"""The training loop: mixtures in, checkpoints, a log and the best weights out."""

import contextlib
import math
import time
from collections.abc import Generator, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ..mixing.batches import Batch, draw_ahead, read_sources, summary_of
from ..recipe import Recipe
from .checkpoints import RunFolder
from .distributed import Group, torch_device
from .learner import Learner
from .reports import Reports
from .validation import ValidationSet

#: Steps between two lines of the log.
_LOG_EVERY = 50
#: Added to the seed of the mixtures when a run goes back to its last checkpoint.
_SECOND_TRY = 2**31


@dataclass
class Progress:
    """Where a run stands; kept in its checkpoint.

    Attributes:
        step: steps that are done.
        best_score: of the best validation so far.
        skipped_batches, skipped_in_a_row: those whose loss or gradient was not finite.
        second_try: whether the run went back to its last checkpoint, and draws other mixtures until the next.
    """

    step: int = 0
    best_score: float = -math.inf
    skipped_batches: int = 0
    skipped_in_a_row: int = 0
    second_try: bool = False

    def count(self, skipped: bool) -> None:
        """One more step is done, or its batch was skipped."""
        self.step += 1
        self.skipped_batches += skipped
        self.skipped_in_a_row = self.skipped_in_a_row + 1 if skipped else 0


class Trainer:
    """One run in one folder: ``checkpoint.pt``, ``log.jsonl`` and ``best.safetensors`` (EMA weights).

    A folder with a checkpoint is gone on with, exactly where it stopped.

    Args:
        recipe: of the run.
        folder: where its files are, or will be.
        cache: folder for decoded recordings.
        group: the processes that share the run.
        tensorboard: whether to write event files for TensorBoard, too.

    Raises:
        InputError: data that is missing or does not fit, or a checkpoint of another recipe.
    """

    def __init__(
        self, recipe: Recipe, folder: Path, cache: Path, group: Group | None = None, tensorboard: bool = False
    ) -> None:
        self.recipe, self.group, self.tensorboard = (
            recipe,
            group or Group(torch_device(recipe.device)),
            tensorboard,
        )
        if recipe.batch % self.group.size:
            raise InputError(
                f"{self.group.size} processes cannot share a batch of {recipe.batch}: make it a multiple of "
                f"{self.group.size}"
            )
        self.folder, self.files = folder, RunFolder(folder, recipe)
        with self.group.leader_first():
            self.source, held_out = read_sources(recipe, cache)
        self.learner = Learner(recipe, self.group)
        self.validation = ValidationSet(held_out, recipe.validation_items) if self.group.leads else None
        self.progress = Progress()
        self.stopping = False
        self._resume()

    def run(self) -> None:
        """Train to the last step, validating and saving on the way.

        Raises:
            InputError: too many batches in a row gave no finite gradient, and again after going back.
        """
        silent = not self.group.leads
        step, steps = self.progress.step, self.recipe.steps
        with Reports(self.folder, step, steps, self.tensorboard, silent) as reports:
            self._run(reports)

    def stop(self) -> None:
        """End `run` after the step that runs, with a checkpoint. A signal handler may call it."""
        self.stopping = True

    def draw_ahead(self) -> Generator[Batch, None, None]:
        """This process's part of the mixtures of each step to come."""
        size, progress = self.recipe.batch // self.group.size, self.progress
        seed = self.recipe.seed + _SECOND_TRY * progress.second_try
        steps = range(progress.step, self.recipe.steps)
        return draw_ahead(self.source, size, seed, steps, self.recipe.workers, size * self.group.rank)

    def _run(self, reports: Reports) -> None:
        while self.progress.step < self.recipe.steps and not self.stopping:
            with contextlib.closing(self.draw_ahead()) as batches:
                self._learn(batches, reports)
        if self.progress.step < self.recipe.steps:
            self.save_checkpoint()

    def _learn(self, batches: Iterable[Batch], reports: Reports) -> None:
        """Learn from batches until there are no more, the run is stopped, or other batches are wanted."""
        progress, recipe = self.progress, self.recipe
        started, first = time.monotonic(), progress.step
        recent: list[dict[str, float]] = []
        for batch in batches:
            terms = self.learner.learn(batch, progress.step)
            progress.count(terms is None)
            if progress.skipped_in_a_row == recipe.max_bad_batches:
                self._go_back()
                return
            recent += [] if terms is None else [terms]
            reports.advance(progress.step)
            if progress.step % _LOG_EVERY == 0:
                speed = (progress.step - first) * seconds_of(recipe) / (time.monotonic() - started)
                reports.write(progress.step, _means(recent) | {"audio_s_per_s": round(speed, 2)})
                recent = []
            second_try = progress.second_try
            if progress.step % recipe.validate_every == 0 or progress.step == recipe.steps:
                self._validate(reports)
                progress.second_try = False
                self.save_checkpoint()
            self.stopping = self.group.any(self.stopping)
            if self.stopping or second_try != progress.second_try:
                return

    def _go_back(self) -> None:
        """Go on from the last checkpoint with other mixtures: a second try, and the last one."""
        content = None if self.progress.second_try else self.files.load(self.group.device)
        if content is None:
            again = " again after the last checkpoint" if self.progress.second_try else ""
            raise InputError(
                f"{self.recipe.max_bad_batches} batches in a row gave no finite gradient{again}, at step "
                f"{self.progress.step}: lower the learning_rate, or look for damaged recordings"
            )
        skipped = self.progress.skipped_batches
        self._restore(content)
        self.progress.skipped_batches, self.progress.skipped_in_a_row = skipped, 0
        self.progress.second_try = True

    def _validate(self, reports: Reports) -> None:
        if self.validation is None:
            return
        scores = self.validation.score(self.learner.average)
        reports.write(self.progress.step, scores)
        rank = self.validation.rank(scores)
        # Of an untrained model PESQ may not be defined: its weights are kept until better ones come.
        if rank > self.progress.best_score or not self.files.best.exists():
            self.progress.best_score = max(self.progress.best_score, rank)
            learned_from = summary_of(self.recipe, self.source)
            self.files.save_best(self.learner.average.net, self.progress.step, scores, learned_from)

    def save_checkpoint(self) -> None:
        """Write everything that `Trainer` needs to go on from here."""
        if self.group.leads:
            self.files.save(self.learner.state() | {"progress": asdict(self.progress)})

    def _resume(self) -> None:
        content = self.files.load(self.group.device)
        if content is not None:
            self._restore(content)

    def _restore(self, content: dict[str, Any]) -> None:
        try:
            self.learner.load(content)
            for name, value in asdict(Progress(**content["progress"])).items():
                setattr(self.progress, name, value)
        except (RuntimeError, KeyError, ValueError, TypeError) as error:
            raise self.files.unfit("its model is another one") from error


def seconds_of(recipe: Recipe) -> float:
    """Seconds of mixtures in one step."""
    return recipe.batch * recipe.mix.seconds


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each term over the steps that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: round(float(np.mean([row[name] for row in rows if name in row])), 5) for name in names}

"""The training loop: mixtures in, checkpoints, a log and the best weights out."""

import copy
import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from ..errors import InputError
from ..models.lite_avse import build
from ..models.wave import WaveModel
from .corpus import Clip, read_corpus
from .losses import SpectralLoss
from .mixing import Mixer
from .recipe import OptimizerConfig, Recipe
from .validation import ValidationSet

#: Share of the speakers kept for validation.
_HELD_OUT_SPEAKERS = 0.08


def _held_out(clip: Clip, recipe: Recipe) -> bool:
    """Whole noise sources by name, speakers by a hash of theirs that does not change between runs."""
    if clip.source in recipe.held_out_noise:
        return True
    digest = sum(byte * 31**k for k, byte in enumerate(clip.group.encode())) % 1000
    return "/ls" in clip.group and digest < 1000 * _HELD_OUT_SPEAKERS


def learning_rate(step: int, config: OptimizerConfig, steps: int) -> float:
    """Warm-up, then cosine decay (Loshchilov & Hutter 2017)."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    progress = min((step - config.warmup_steps) / max(steps - config.warmup_steps, 1), 1.0)
    cosine = 0.5 * (1.0 + math.cos(math.pi * progress))
    return config.learning_rate * (config.final_fraction + (1.0 - config.final_fraction) * cosine)


@dataclass
class Progress:
    """Where a run stands; kept in its checkpoint."""

    step: int = 0
    best_score: float = -math.inf
    skipped_batches: int = 0


class Trainer:
    """One run in one folder: ``checkpoint.pt``, ``log.jsonl`` and ``best.safetensors`` (EMA weights).

    A folder with a checkpoint is gone on with, exactly where it stopped.
    """

    def __init__(self, recipe: Recipe, folder: Path, cache: Path) -> None:
        self.recipe, self.folder = recipe, folder
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(recipe.seed)
        torch.set_flush_denormal(True)
        self.model = WaveModel(build(recipe.preset, causal=not recipe.offline))
        self.average = copy.deepcopy(self.model).eval()
        self.loss = SpectralLoss(recipe.loss)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), betas=(0.9, 0.98), weight_decay=recipe.optimizer.weight_decay
        )
        training, held_out = read_corpus(Path(recipe.data), cache).split(lambda clip: _held_out(clip, recipe))
        self.mixer = Mixer(training, recipe.mix)
        self.validation = ValidationSet(Mixer(held_out, recipe.mix), recipe.validation_items)
        self.progress = Progress()
        if (folder / "checkpoint.pt").exists():
            self._resume()

    def run(self) -> None:
        """Train to the last step, validating and saving on the way."""
        started, heard_s = time.monotonic(), 0.0
        recent: list[dict[str, float]] = []
        for noisy, clean in self._batches():
            terms = self._train_step(noisy, clean)
            heard_s += noisy.numel() / 16000
            if terms is None:
                self.progress.skipped_batches += 1
            else:
                recent.append(terms)
            self.progress.step += 1
            if self.progress.step % 50 == 0:
                means = {key: round(float(np.mean([row[key] for row in recent])), 5) for key in recent[0]}
                speed = heard_s / (time.monotonic() - started)
                self._log(means | {"audio_s_per_s": round(speed, 2)})
                recent = []
            if self.progress.step % self.recipe.validate_every == 0 or self.progress.step == self.recipe.steps:
                self._validate()
                self._save_checkpoint()

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of step after step; what a step draws depends on the seed and the step alone."""
        while self.progress.step < self.recipe.steps:
            pairs = []
            for item in range(self.recipe.batch):
                rng = np.random.default_rng((self.recipe.seed, self.progress.step, item))
                pairs.append(self.mixer.draw(rng))
            noisy, clean = (torch.from_numpy(np.stack(waves)) for waves in zip(*pairs, strict=True))
            yield noisy, clean

    def _train_step(self, noisy: Tensor, clean: Tensor) -> dict[str, float] | None:
        """One optimizer step; None where the loss is not finite and the batch was skipped."""
        config = self.recipe.optimizer
        lag = self.model.net.config.stft.window - self.model.net.config.stft.hop
        estimate = self.model(noisy)[0][:, lag:]
        loss, terms = self.loss(estimate, clean[:, :-lag], noisy[:, :-lag])
        self.optimizer.zero_grad()
        if not torch.isfinite(loss):
            return None
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.clip_norm)
        if not torch.isfinite(norm):
            return None
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.progress.step, config, self.recipe.steps)
        self.optimizer.step()
        decay = min(config.ema_decay, (1 + self.progress.step) / (10 + self.progress.step))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(value, 1 - decay)
        return {name: float(term) for name, term in terms.items()} | {"loss": float(loss.detach())}

    def _validate(self) -> None:
        scores = self.validation.score(self.average)
        self._log(scores)
        if scores["val_pesq"] > self.progress.best_score:
            self.progress.best_score = scores["val_pesq"]
            save_file(self.average.net.state_dict(), self.folder / "best.safetensors")

    def _log(self, values: dict[str, float]) -> None:
        line = json.dumps({"step": self.progress.step, **values})
        print(line, flush=True)
        with (self.folder / "log.jsonl").open("a") as handle:
            handle.write(line + "\n")

    def _save_checkpoint(self) -> None:
        content: dict[str, Any] = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": asdict(self.progress),
        }
        partial = self.folder / "checkpoint.part"
        torch.save(content, partial)
        os.replace(partial, self.folder / "checkpoint.pt")

    def _resume(self) -> None:
        path = self.folder / "checkpoint.pt"
        try:
            content = torch.load(path, weights_only=True)
            self.model.load_state_dict(content["model"])
            self.average.load_state_dict(content["average"])
            self.optimizer.load_state_dict(content["optimizer"])
        except (RuntimeError, KeyError, ValueError) as error:
            raise InputError(f"{path} does not fit this recipe: start in an empty folder") from error
        self.progress = Progress(**content["progress"])

"""The training loop: mixtures in, checkpoints, a log and the best weights out."""

import copy
import json
import math
import os
import pickle
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import InputError
from ..models.checkpoint import load_model
from ..models.fusion import FRESH_AGE_S
from ..models.lite_avse import LiteAVSEMamba, build
from ..models.wave import WaveModel
from .batches import Batch, read_sources
from .embedding import embed
from .losses import SpectralLoss
from .recipe import OptimizerConfig, Recipe
from .validation import ValidationSet

#: Steps between two lines of the log.
_LOG_EVERY = 50


def learning_rate(step: int, config: OptimizerConfig, steps: int) -> float:
    """Warm-up, then cosine decay (Loshchilov & Hutter 2017)."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    progress = min((step - config.warmup_steps) / max(steps - config.warmup_steps, 1), 1.0)
    cosine = 0.5 * (1.0 + math.cos(math.pi * progress))
    return config.learning_rate * (config.final_fraction + (1.0 - config.final_fraction) * cosine)


def _initial(recipe: Recipe) -> LiteAVSEMamba:
    if recipe.start_from:
        return load_model(recipe.preset, Path(recipe.start_from)).train()
    return build(recipe.preset, causal=not recipe.offline)


def _trained_parameters(net: LiteAVSEMamba, recipe: Recipe) -> list[nn.Parameter]:
    """All parameters, or those of the path of the lips where the recipe freezes the audio path."""
    if not recipe.video.freeze_audio:
        return list(net.parameters())
    net.requires_grad_(False)
    for part in (net.visual, net.fusion):
        part.requires_grad_(True)
    return [*net.visual.parameters(), *net.fusion.parameters()]


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each term over the steps that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: round(float(np.mean([row[name] for row in rows if name in row])), 5) for name in names}


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
        self.source, held_out = read_sources(recipe, cache)
        self.model = WaveModel(_initial(recipe))
        self.average = copy.deepcopy(self.model).eval()
        self.loss = SpectralLoss(recipe.loss)
        self.trained = _trained_parameters(self.model.net, recipe)
        self.optimizer = torch.optim.AdamW(
            self.trained, betas=(0.9, 0.98), weight_decay=recipe.optimizer.weight_decay
        )
        self.validation = ValidationSet(held_out, recipe.validation_items)
        self.progress = Progress()
        self.stopping = False
        if (folder / "checkpoint.pt").exists():
            self._resume()

    def run(self) -> None:
        """Train to the last step, validating and saving on the way."""
        started, heard = time.monotonic(), 0
        recent: list[dict[str, float]] = []
        while self.progress.step < self.recipe.steps and not self.stopping:
            batch = self.source.draw(self.recipe.batch, self.recipe.seed, self.progress.step)
            terms = self._train_step(batch)
            heard += batch.noisy.numel()
            if terms is None:
                self.progress.skipped_batches += 1
            else:
                recent.append(terms)
            self.progress.step += 1
            if self.progress.step % _LOG_EVERY == 0:
                speed = heard / self.model.net.config.stft.sample_rate / (time.monotonic() - started)
                self._log(_means(recent) | {"audio_s_per_s": round(speed, 2)})
                recent = []
            if (
                self.progress.step % self.recipe.validate_every == 0
                or self.progress.step == self.recipe.steps
            ):
                self._validate()
                self.save_checkpoint()
        if self.stopping:
            self.save_checkpoint()

    def stop(self) -> None:
        """End `run` after the step that runs, with a checkpoint. A signal handler may call it."""
        self.stopping = True

    def _train_step(self, batch: Batch) -> dict[str, float] | None:
        """One optimizer step; None where loss or gradient is not finite and the batch was skipped."""
        self.optimizer.zero_grad()
        loss, terms = self._loss(batch)
        if not torch.isfinite(loss):
            return None
        loss.backward()
        config = self.recipe.optimizer
        if not torch.isfinite(torch.nn.utils.clip_grad_norm_(self.trained, config.clip_norm)):
            return None
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.progress.step, config, self.recipe.steps)
        self.optimizer.step()
        decay = min(config.ema_decay, (1 + self.progress.step) / (10 + self.progress.step))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(value, 1 - decay)
        return {name: float(term) for name, term in terms.items()} | {"loss": float(loss.detach())}

    def _loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch; with faces, plus the cross-entropy of alpha against their trust."""
        lag = self.model.net.config.stft.window - self.model.net.config.stft.hop
        if batch.video is None:
            estimate = self.model(batch.noisy)[0]
        else:
            embedding, age_s = embed(self.model.net, batch.video)
            estimate, alpha, _ = self.model(batch.noisy, embedding, age_s)
        loss, terms = self.loss(estimate[:, lag:], batch.clean[:, :-lag], batch.noisy[:, :-lag])
        if batch.video is not None:
            # Where no frame is fresh there is nothing to learn about alpha: the mean of nothing is no number.
            fresh = (age_s < FRESH_AGE_S).to(alpha.dtype)
            trust = batch.video.trust[:, None].expand_as(alpha)
            entropy = F.binary_cross_entropy(alpha.clamp(1e-4, 1 - 1e-4), trust, reduction="none")
            alpha_loss = (entropy * fresh).sum() / fresh.sum().clamp(min=1.0)
            loss = loss + self.recipe.video.alpha_weight * alpha_loss
            terms["alpha"] = alpha_loss.detach()
        return loss, terms

    def _validate(self) -> None:
        scores = self.validation.score(self.average)
        self._log(scores)
        if scores["val_pesq"] > self.progress.best_score:
            self.progress.best_score = scores["val_pesq"]
            partial = self.folder / "best.part"
            save_file(self.average.net.state_dict(), partial)
            os.replace(partial, self.folder / "best.safetensors")

    def _log(self, values: dict[str, float]) -> None:
        """One object a line. JSON has no NaN: a value that is not defined is null."""
        known = {name: value if math.isfinite(value) else None for name, value in values.items()}
        line = json.dumps({"step": self.progress.step, **known})
        print(line, flush=True)
        with (self.folder / "log.jsonl").open("a") as handle:
            handle.write(line + "\n")

    def save_checkpoint(self) -> None:
        """Write everything that `Trainer` needs to go on from here."""
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
            self.progress = Progress(**content["progress"])
        except (RuntimeError, KeyError, ValueError, TypeError, EOFError, pickle.UnpicklingError) as error:
            raise InputError(f"{path} does not fit this recipe: start in an empty folder") from error

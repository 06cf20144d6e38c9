"""Validation on mixtures of held-out speakers and noises, the same ones every time."""

import numpy as np
import torch
from torch import Tensor

from ...bench.metrics import score
from ..mixing.batches import Batch, BatchSource
from .estimator import Estimator
from .learner import to_device

#: Seed of the validation mixtures: apart from every training seed by its length.
_SEED = (2024, 1, 1, 1)


class ValidationSet:
    """``items`` fixed mixtures with their clean speech, and as many with faces, as far as training sees both.

    Those with faces are scored with and without them.
    """

    def __init__(self, source: BatchSource, items: int) -> None:
        self.share = 0.0 if source.faces is None else source.share
        self.sound = None if self.share == 1.0 else source.draw_sound(items, *_SEED)
        self.faces = None if source.faces is None else source.draw_with_faces(items, *_SEED)

    def rank(self, scores: dict[str, float]) -> float:
        """What the best model has most of: PESQ-WB with lips and audio-only, weighed as in training."""
        weights = {"val_pesq": self.share, "val_sound_pesq": 1.0 - self.share}
        return sum(weight * scores[name] for name, weight in weights.items() if weight > 0.0)

    @torch.no_grad()
    def score(self, model: Estimator) -> dict[str, float]:
        """Mean PESQ-WB, STOI, ESTOI and SI-SDR (dB) of the enhanced mixtures.

        ``val_sound_*`` audio-only, ``val_*`` with the lips, ``val_blind_*`` of the same without them.
        """
        device, scores = next(model.parameters()).device, {}
        if self.sound is not None:
            batch = to_device(self.sound, device)
            scores = _means("val_sound", batch, model(batch.noisy).wave)
        return scores if self.faces is None else {**scores, **self._score_faces(model, device)}

    def _score_faces(self, model: Estimator, device: torch.device) -> dict[str, float]:
        assert self.faces is not None
        assert self.faces.video is not None
        batch = to_device(self.faces, device)
        seen = model(batch.noisy, batch.video)
        trust = self.faces.video.trust.to(device)  # NaN is neither
        return {
            **_means("val", batch, seen.wave),
            **_means("val_blind", batch, model(batch.noisy).wave),
            "val_alpha_good": round(float(seen.alpha[trust > 0.5].mean()), 3),
            "val_alpha_bad": round(float(seen.alpha[trust < 0.5].mean()), 3),
        }


def _means(prefix: str, batch: Batch, enhanced: Tensor) -> dict[str, float]:
    clean = batch.clean[:, : enhanced.shape[1]].cpu().numpy()
    rows = [score(*pair) for pair in zip(clean, enhanced.cpu().numpy(), strict=True)]
    names = {"pesq": "pesq_wb", "stoi": "stoi", "estoi": "estoi", "si_sdr": "si_sdr_db"}
    values = {name: [row[metric] for row in rows] for name, metric in names.items()}
    return {f"{prefix}_{name}": round(float(np.nanmean(value)), 4) for name, value in values.items()}

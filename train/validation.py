"""Validation on mixtures of held-out speakers and noises, the same ones every time."""

import numpy as np
import torch
from torch import Tensor

from ..bench.metrics import score
from ..models.wave import WaveModel
from .batches import Batch, BatchSource
from .embedding import embed

#: Seed of the validation mixtures: apart from every training seed by its length.
_SEED = (2024, 1, 1, 1)


class ValidationSet:
    """``items`` fixed mixtures with their clean speech; with faces, scored with and without them."""

    def __init__(self, source: BatchSource, items: int) -> None:
        self.audio = source.draw(items, *_SEED)._replace(video=None) if source.faces is None else None
        self.faces = None if source.faces is None else source.draw_with_faces(items, *_SEED)

    @torch.no_grad()
    def score(self, model: WaveModel) -> dict[str, float]:
        """Mean PESQ-WB, ESTOI and SI-SDR (dB) of the enhanced mixtures; ``val_pesq`` is to rank by."""
        if self.audio is not None:
            return _means("val", self.audio, model(self.audio.noisy)[0], model)
        assert self.faces is not None
        assert self.faces.video is not None
        embedding, age_s = embed(model.net, self.faces.video)
        seen, alpha, _ = model(self.faces.noisy, embedding, age_s)
        good = self.faces.video.trust > 0.5
        return {
            **_means("val", self.faces, seen, model),
            **_means("val_blind", self.faces, model(self.faces.noisy)[0], model),
            "val_alpha_good": round(float(alpha[good].mean()), 3),
            "val_alpha_bad": round(float(alpha[~good].mean()), 3),
        }


def _means(prefix: str, batch: Batch, enhanced: Tensor, model: WaveModel) -> dict[str, float]:
    lag = model.net.config.stft.window - model.net.config.stft.hop
    outputs = enhanced[:, lag:].numpy()
    rows = [score(a[: b.size], b) for a, b in zip(batch.clean.numpy(), outputs, strict=True)]
    return {
        f"{prefix}_{name}": round(float(np.nanmean([getattr(row, field) for row in rows])), 4)
        for name, field in (("pesq", "pesq_wb"), ("estoi", "estoi"), ("si_sdr", "si_sdr_db"))
    }

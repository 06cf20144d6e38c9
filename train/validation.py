"""Validation on mixtures of held-out speakers and noises, the same ones every time."""

import numpy as np
import torch

from ..models.wave import WaveModel
from .mixing import Mixer

#: Seed of the validation mixtures: apart from every training seed by its length.
_SEED = (2024, 1, 1, 1)


class ValidationSet:
    """``items`` fixed mixtures with their clean speech."""

    def __init__(self, mixer: Mixer, items: int) -> None:
        pairs = [mixer.draw(np.random.default_rng((*_SEED, item))) for item in range(items)]
        self.noisy, self.clean = (np.stack(waves) for waves in zip(*pairs, strict=True))

    def score(self, model: WaveModel) -> dict[str, float]:
        """Mean PESQ-WB, ESTOI and SI-SDR (dB) of the enhanced mixtures."""
        from ..bench.metrics import score

        lag = model.net.config.stft.window - model.net.config.stft.hop
        with torch.no_grad():
            enhanced = model(torch.from_numpy(self.noisy))[0][:, lag:].numpy()
        rows = [score(a[: b.size], b) for a, b in zip(self.clean, enhanced, strict=True)]
        return {
            f"val_{name}": round(float(np.nanmean([getattr(row, field) for row in rows])), 4)
            for name, field in (("pesq", "pesq_wb"), ("estoi", "estoi"), ("si_sdr", "si_sdr_db"))
        }

"""Losses on the waveform and its compressed spectrum."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

#: Power under which the compressed spectrum is smooth (the signals are brought to unit level first).
_EPS = 1e-5


@dataclass(frozen=True)
class LossConfig:
    """Weights of the terms and the transform they look at (sizes in samples)."""

    magnitude: float = 1.0
    complex: float = 0.4
    lost_speech: float = 0.7
    si_sdr: float = 0.006
    compression: float = 0.3
    window: int = 512
    hop: int = 128


def si_sdr(estimate: Tensor, target: Tensor) -> Tensor:
    """Scale-invariant signal-to-distortion ratio in dB, ``[B, N], [B, N] -> [B]``.

    Le Roux, Wisdom, Erdogan, Hershey: "SDR - half-baked or well done?", ICASSP 2019, equation 5, on signals
    with their mean. Small constants keep it and its gradient finite for silence and for perfect estimates.
    """
    scale = (estimate * target).sum(-1, keepdim=True) / (target.square().sum(-1, keepdim=True) + 1e-8)
    projected = scale * target
    noise = estimate - projected
    return 10.0 * torch.log10((projected.square().sum(-1) + 1e-6) / (noise.square().sum(-1) + 1e-6))


class SpectralLoss(nn.Module):
    """Squared error of the compressed magnitude and spectrum, an extra price for lost speech, and SI-SDR.

    Magnitude and spectrum: Braun, Tashev: "A consolidated view of loss functions for supervised deep
    learning-based speech enhancement", TSP 2021, equation 4. ``lost_speech`` weighs the square of the
    magnitude that is missing in the estimate: speech eaten hurts more than noise left. All pairs are scaled
    by the level of the noisy signal, so that loud mixtures do not count more.
    """

    window: Tensor

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("window", torch.hann_window(config.window).sqrt(), persistent=False)

    def _compressed(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, N]`` -> the compressed magnitude ``[B, F, T]`` and spectrum ``[B, F, T, 2]``."""
        config = self.config
        spectrum = torch.stft(wave, config.window, config.hop, window=self.window, return_complex=True)
        spectrum = torch.view_as_real(spectrum) / config.window**0.5
        power = spectrum.square().sum(-1) + _EPS
        magnitude = power ** (config.compression / 2)
        return magnitude, spectrum * power[..., None] ** ((config.compression - 1) / 2)

    def forward(self, estimate: Tensor, clean: Tensor, noisy: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """``[B, N]`` each -> the weighted sum (a scalar) and its terms, detached, by name."""
        level = noisy.square().mean(-1, keepdim=True).sqrt().clamp(min=1e-5)
        estimate, clean = estimate / level, clean / level
        magnitude, spectrum = self._compressed(estimate)
        target_magnitude, target_spectrum = self._compressed(clean)
        missing = (target_magnitude - magnitude).clamp(min=0.0)
        terms = {
            "magnitude": (magnitude - target_magnitude).square().mean(),
            "complex": (spectrum - target_spectrum).square().sum(-1).mean(),
            "lost_speech": missing.square().mean(),
            "si_sdr": -si_sdr(estimate, clean).mean(),
        }
        total = sum(getattr(self.config, name) * term for name, term in terms.items())
        assert isinstance(total, Tensor)
        return total, {name: term.detach() for name, term in terms.items()}

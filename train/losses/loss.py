"""The loss of a recipe: a weighted sum of terms on the waveform and its compressed spectrum."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from ...errors import InputError
from . import terms as loss_terms
from .perceptual import LostIntelligibility, PerceptualDisturbance
from .terms import EPS, Comparison, Parts, Signal

#: The term that each weight of `LossConfig` weighs: a new one is a line here and a field there.
TERMS: dict[str, Callable[[Comparison], Tensor]] = {
    "magnitude": loss_terms.magnitude_error,
    "phase": loss_terms.phase_error,
    "complex": loss_terms.complex_error,
    "consistency": loss_terms.consistency_error,
    "lost_speech": loss_terms.lost_speech,
    "residual_noise": loss_terms.residual_noise,
    "si_sdr": loss_terms.negative_si_sdr,
    "snr": loss_terms.negative_snr,
    "time": loss_terms.time_error,
}
#: Those that look at waves in their own way: modules, as they keep windows and filters.
LISTENERS: dict[str, type[nn.Module]] = {
    "perceptual": PerceptualDisturbance,
    "intelligibility": LostIntelligibility,
}


@dataclass(frozen=True)
class LossConfig:
    """Weights of the terms (0 leaves a term out) and the transform they look at (sizes in samples).

    A parent has those of `spectra.PARENT_TERMS` alone, and its own transform; ``metric`` is theirs alone. As
    published: magnitude 0.9, phase 0.3, complex 0.1, consistency 0.1, time 0.2, metric 0.05.

    Raises:
        InputError: a weight below 0, none above it, or a transform that does not fit.
    """

    magnitude: float = 1.0
    phase: float = 0.0
    complex: float = 0.4
    consistency: float = 0.0
    lost_speech: float = 0.7
    residual_noise: float = 0.0
    si_sdr: float = 0.006
    snr: float = 0.0
    time: float = 0.0
    metric: float = 0.0
    perceptual: float = 0.0
    intelligibility: float = 0.0
    compression: float = 0.3
    window: int = 512
    hop: int = 128

    def __post_init__(self) -> None:
        weights = self.weights()
        if min(weights.values()) < 0 or max(weights.values()) == 0:
            raise InputError(
                f"the weights of the loss must be at least 0, and one above: {', '.join(weights)}"
            )
        if not 0.0 < self.compression <= 1.0:
            raise InputError(f"compression {self.compression} must be above 0 and at most 1")
        if not 1 <= self.hop <= self.window // 2:
            raise InputError(f"hop {self.hop} must be at least 1 and at most half of window {self.window}")

    def weights(self) -> dict[str, float]:
        """The weight of each term, by name."""
        transform = ("compression", "window", "hop")
        return {
            field.name: getattr(self, field.name) for field in fields(self) if field.name not in transform
        }


class SpectralLoss(nn.Module):
    """The weighted sum of the terms that a configuration gives a weight.

    All signals are scaled by the level of the noisy one, so that loud mixtures do not count more.
    """

    window: Tensor

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.config = config
        self.weights = {name: weight for name, weight in config.weights().items() if weight > 0.0}
        self.listeners = nn.ModuleDict(
            {name: listener() for name, listener in LISTENERS.items() if name in self.weights}
        )
        # Divided by the root of its power, for the scale that `Signal` names.
        window = torch.hann_window(config.window).sqrt() / config.window**0.5
        self.register_buffer("window", window, persistent=False)

    def forward(
        self,
        estimate: Tensor,
        clean: Tensor,
        noisy: Tensor,
        spectra: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compare an estimate with the clean speech.

        Args:
            estimate, clean, noisy: ``[B, N]``, aligned.
            spectra: ``[B, 2, T, F]`` twice, what the network estimated and what the analysis of its wave
                gives; needed for the term ``consistency`` alone.

        Returns:
            The weighted sum, a scalar, and its terms, detached, by name.
        """
        level = noisy.square().mean(-1, keepdim=True).sqrt().clamp(min=1e-5)
        pair = Comparison(
            self._signal(estimate / level),
            self._signal(clean / level),
            None if spectra is None else self._consistency(spectra, level),
        )
        terms = {name: self._term(name, pair) for name in self.weights}
        total = torch.stack([weight * terms[name] for name, weight in self.weights.items()]).sum()
        return total, {name: term.detach() for name, term in terms.items()}

    def _term(self, name: str, pair: Comparison) -> Tensor:
        if name in self.listeners:
            heard: Tensor = self.listeners[name](pair.estimate.wave, pair.clean.wave)
            return heard.mean()
        return TERMS[name](pair)

    def _signal(self, wave: Tensor) -> Signal:
        config = self.config
        spectrum = torch.stft(wave, config.window, config.hop, window=self.window, return_complex=True)
        real, imaginary = torch.view_as_real(spectrum.transpose(1, 2)).unbind(-1)
        return Signal(wave, (real, imaginary), *self._compressed(real, imaginary))

    def _compressed(self, real: Tensor, imaginary: Tensor) -> tuple[Tensor, Parts]:
        """The compressed magnitude of a spectrum, and the spectrum with it."""
        power = real.square() + imaginary.square() + EPS
        magnitude = power ** (self.config.compression / 2)
        gain = magnitude * power.rsqrt()
        return magnitude, (real * gain, imaginary * gain)

    def _consistency(self, spectra: tuple[Tensor, Tensor], level: Tensor) -> tuple[Parts, Parts]:
        """Both spectra at the level of the comparison, compressed, ``[B, T, F]``."""
        at_level = (spectrum / level[..., None, None] for spectrum in spectra)
        estimated, again = (self._compressed(*spectrum.unbind(1))[1] for spectrum in at_level)
        return estimated, again

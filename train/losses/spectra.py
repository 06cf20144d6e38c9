"""The parents' losses, on the spectra that a network gives: magnitude, phase, complex, consistency, time.

Lu, Ai, Ling, "Explicit estimation of magnitude and phase spectra in parallel for high-quality speech
enhancement" (the long version of MP-SENet), section II-C; SEMamba takes the same. The sixth, the metric, is
`train.run.critic`'s.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from .loss import LossConfig
from .terms import wrapped_error

#: Weights of `LossConfig` that a parent may have.
PARENT_TERMS = ("magnitude", "phase", "complex", "consistency", "time", "metric")


class Spectrum(NamedTuple):
    """A wave ``[B, N]``, and its compressed magnitude and phase, ``[B, F, T]`` each."""

    wave: Tensor
    mag: Tensor
    pha: Tensor

    @property
    def com(self) -> Tensor:
        """Complex ``[B, F, T]``."""
        return torch.polar(self.mag, self.pha)


def parent_loss(
    estimate: Spectrum, again: Spectrum, clean: Spectrum, config: LossConfig
) -> tuple[Tensor, dict[str, Tensor]]:
    """Compare what a parent gives with the clean speech, all at the level at which the network hears.

    Args:
        estimate: what the network gives, and the wave made of it.
        again: the spectrum of that wave.
        clean: the speech.
        config: weights, those of `PARENT_TERMS` alone; ``metric`` is left to others.

    Returns:
        The weighted sum, a scalar, and its terms by name.
    """
    terms: dict[str, Tensor] = {}
    if config.magnitude:
        terms["magnitude"] = (estimate.mag - clean.mag).square().mean()
    if config.phase:
        terms["phase"] = wrapped_error(estimate.pha - clean.pha)
    if config.complex:
        terms["complex"] = _distance(estimate.com, clean.com)
    if config.consistency:
        terms["consistency"] = _distance(estimate.com, again.com)
    if config.time:
        terms["time"] = (estimate.wave - clean.wave).abs().mean()
    weighted = [getattr(config, name) * term for name, term in terms.items()]
    return torch.stack([*weighted, estimate.mag.new_zeros(())]).sum(), terms


def _distance(first: Tensor, second: Tensor) -> Tensor:
    """Squared errors of real and imaginary part, the means summed."""
    error = torch.view_as_real(first - second)
    return 2.0 * error.square().mean()

"""The metric discriminator: a network that learns to say what PESQ would.

Fu, Liao, Tsao, Lin, "MetricGAN: Generative adversarial networks based black-box metric scores optimization
for speech enhancement", ICML 2019; in the form of CMGAN (Cao, Abdulatif, Yang 2022) and MP-SENet.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

#: PESQ runs from 1 to 4.5; the discriminator's scale from 0 to 1.
_WORST, _RANGE = 1.0, 3.5
_CHANNELS = (2, 16, 32, 64, 128)
_HIDDEN, _DROPOUT = 64, 0.3


class MetricDiscriminator(nn.Module):
    """Compressed magnitudes of clean speech and of an estimate, ``[B, F, T]`` each, to scores ``[B]``."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise(_CHANNELS):
            layers += [
                spectral_norm(nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False)),
                nn.InstanceNorm2d(after, affine=True),
                nn.PReLU(after),
            ]
        self.layers = nn.Sequential(
            *layers,
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
            spectral_norm(nn.Linear(_CHANNELS[-1], _HIDDEN)),
            nn.Dropout(_DROPOUT),
            nn.PReLU(_HIDDEN),
            spectral_norm(nn.Linear(_HIDDEN, 1)),
        )
        self.slope = nn.Parameter(torch.ones(1))  # of the sigmoid, learnt

    def forward(self, clean: Tensor, estimate: Tensor) -> Tensor:
        """Scores in (0, 1): 1 says that the estimate is the clean speech."""
        scores: Tensor = self.layers(torch.stack([clean, estimate], dim=1))
        return torch.sigmoid(self.slope * scores).squeeze(1)


def scaled_pesq(pesq: Tensor) -> Tensor:
    """PESQ to the scale of the discriminator; NaN stays NaN."""
    return (pesq - _WORST) / _RANGE

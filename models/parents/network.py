"""What the networks of the parents have in common: an encoder, a trunk of their own, and two decoders."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from .config import ParentConfig


class ParentNetwork(nn.Module, ABC):
    """Compressed noisy magnitude and phase to clean ones, of whole recordings at unit RMS.

    `inference.enhance_offline` goes from wave to wave. A parent makes ``dense_encoder``, ``mask_decoder`` and
    ``phase_decoder``, and says in `trunk` what lies between. Parameters are named and shaped as in its
    published checkpoints, so that these load with ``strict=True``.
    """

    dense_encoder: nn.Module
    mask_decoder: nn.Module
    phase_decoder: nn.Module

    def __init__(self, config: ParentConfig) -> None:
        super().__init__()
        self.config = config

    @abstractmethod
    def trunk(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``[B, C, T, P]`` to those of the magnitude and those of the phase, of the same shape."""

    def forward(self, noisy_mag: Tensor, noisy_pha: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Enhance spectra.

        Args:
            noisy_mag: ``[B, F, T]``, magnitudes to the power of ``compress_factor``.
            noisy_pha: ``[B, F, T]``, phases in radians.

        Returns:
            Compressed magnitude and phase, both ``[B, F, T]``, and their complex spectrum ``[B, F, T, 2]``.
        """
        x = torch.stack([noisy_mag, noisy_pha], dim=1).transpose(2, 3)  # [B, 2, T, F]
        x, _ = self.dense_encoder(x)
        of_mag, of_pha = self.trunk(x)
        mag = self.mask_decoder(of_mag)[0].squeeze(1).transpose(1, 2) * noisy_mag
        pha = self.phase_decoder(of_pha)[0].transpose(1, 2)
        return mag, pha, torch.stack([mag * torch.cos(pha), mag * torch.sin(pha)], dim=-1)

"""FSVG, the frequency-selective visual gate: where along frequency the lips may speak."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FSVG(nn.Module):
    """Gate in (0, 1) of each frame and band, by a 1x1 convolution of audio and visual features. Stateless.

    The visual features may have one band for all (``F = 1``).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2 * channels, 1, 1)

    def logits(self, audio: Tensor, visual: Tensor) -> Tensor:
        """``[B, C, T, F]`` twice -> ``[B, 1, T, F]``."""
        of_audio, of_visual = self.conv.weight.chunk(2, dim=1)
        return F.conv2d(audio, of_audio) + F.conv2d(visual, of_visual, self.conv.bias)

    def forward(self, audio: Tensor, visual: Tensor) -> Tensor:
        """``[B, C, T, F]`` twice -> gate ``[B, 1, T, F]``."""
        return torch.sigmoid(self.logits(audio, visual))


class FSVGWithPrior(FSVG):
    """`FSVG` with a learned prior for each band, initialised to favour 300 Hz - 3 kHz, where lips tell most.

    Args:
        channels: channels of the features.
        band_hz: centre frequency of each band in Hz, ``[F]``.
    """

    def __init__(self, channels: int, band_hz: Tensor) -> None:
        super().__init__(channels)
        speech = (band_hz >= 300.0) & (band_hz <= 3000.0)
        self.prior = nn.Parameter(torch.where(speech, 1.0, -1.0))

    def logits(self, audio: Tensor, visual: Tensor) -> Tensor:
        """``[B, C, T, F]`` twice -> ``[B, 1, T, F]``."""
        return super().logits(audio, visual) + self.prior

"""Double-gated fusion of lips into audio features: ``fused = audio + alpha * gate * visual``."""

import torch
from torch import Tensor, nn

from .config import VisualConfig
from .fsvg import FSVG, FSVGWithPrior
from .state import State
from .vce import VCE, VCEWithTemporalSmoothing

#: A video frame is as good as new up to here (three frames at 25 fps) ...
FRESH_AGE_S = 0.12
#: ... and worth nothing from here on.
STALE_AGE_S = 0.5


def freshness(age_s: Tensor) -> Tensor:
    """1 for a fresh video frame, falling linearly to exactly 0 for a stale one. Any shape, seconds."""
    return ((STALE_AGE_S - age_s) / (STALE_AGE_S - FRESH_AGE_S)).clamp(0.0, 1.0)


class VisualFusion(nn.Module):
    """Adds what the lips say to the encoder's features, as far as alpha (VCE) and the gate (FSVG) let it.

    A configuration may leave out either: alpha is then the freshness alone, the gate 1. With stale or no
    video alpha is exactly 0 and the audio features pass unchanged. State: the VCE's.
    """

    def __init__(self, channels: int, config: VisualConfig, band_hz: Tensor) -> None:
        super().__init__()
        self.vce = _make_vce(config)
        self.projection = nn.Linear(config.embedding_size, channels)
        self.fsvg = _make_fsvg(channels, config, band_hz)

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> State:
        return () if self.vce is None else self.vce.init_state(batch, device, dtype)

    def forward(
        self, audio: Tensor, embedding: Tensor, video_age_s: Tensor, state: State
    ) -> tuple[Tensor, Tensor, State]:
        """Fuse a chunk.

        Args:
            audio: ``[B, C, T, F]``.
            embedding: ``[B, T, E]``, of the newest video frame at each audio frame.
            video_age_s: ``[B, T]``.
            state: of the VCE.

        Returns:
            fused ``[B, C, T, F]``, alpha ``[B, T]``, state.
        """
        if self.vce is None:
            alpha = freshness(video_age_s)
        else:
            confidence, state = self.vce(embedding, state)
            alpha = confidence.squeeze(-1) * freshness(video_age_s)
        visual = self.projection(embedding).transpose(1, 2).unsqueeze(-1)  # [B, C, T, 1]
        gate = 1.0 if self.fsvg is None else self.fsvg(audio, visual)
        return audio + alpha[:, None, :, None] * gate * visual, alpha, state

    @torch.no_grad()
    def turn(self, factor: float) -> None:
        """Let the lips add so much times what they did, where and when they did: alpha and gate stay."""
        for parameter in self.projection.parameters():
            parameter.mul_(factor)
        if self.fsvg is not None:
            self.fsvg.conv.weight.chunk(2, dim=1)[1].div_(factor)


def _make_vce(config: VisualConfig) -> VCE | VCEWithTemporalSmoothing | None:
    if not config.vce:
        return None
    return (VCEWithTemporalSmoothing if config.smoothing else VCE)(config.embedding_size)


def _make_fsvg(channels: int, config: VisualConfig, band_hz: Tensor) -> FSVG | None:
    if not config.fsvg:
        return None
    return FSVGWithPrior(channels, band_hz) if config.frequency_prior else FSVG(channels)

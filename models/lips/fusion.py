"""Double-gated fusion of lips into audio features: ``fused = audio + alpha * gate * visual``."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import FRESH_AGE_S, STALE_AGE_S, VCE_HIDDEN, VisualConfig
from ..state import State


class VCE(nn.Module):
    """Two-layer perceptron on the visual embedding. Stateless."""

    def __init__(self, embedding_size: int, hidden: int = VCE_HIDDEN) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(embedding_size, hidden), nn.SiLU(), nn.Linear(hidden, 1))

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> tuple[()]:
        """Nothing is carried."""
        return ()

    def step(self, embedding: Tensor, state: tuple[()] = ()) -> tuple[Tensor, tuple[()]]:
        """``[B, E]`` -> alpha ``[B, 1]``."""
        return torch.sigmoid(self.layers(embedding)), ()

    def forward(self, embedding: Tensor, state: tuple[()] | None = None) -> tuple[Tensor, tuple[()]]:
        """``[B, T, E]`` -> alpha ``[B, T, 1]``."""
        return torch.sigmoid(self.layers(embedding)), ()


class VCEWithTemporalSmoothing(nn.Module):
    """`VCE` through a one-pole smoother with learned, separate speeds for rising and falling confidence.

    ``alpha[t] = alpha[t-1] + c (raw[t] - alpha[t-1])`` with ``c = rise`` where raw is above alpha, else
    ``fall``, both in (0, 1): a convex combination, so alpha stays in [0, 1]. State: alpha of the frame
    before, ``[B, 1]``.
    """

    def __init__(self, embedding_size: int, hidden: int = VCE_HIDDEN) -> None:
        super().__init__()
        self.vce = VCE(embedding_size, hidden)
        self.speed_logits = nn.Parameter(torch.tensor([-1.0, 0.0]))  # rise 0.27, fall 0.5 a frame

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """No confidence before the first frame."""
        return torch.zeros(batch, 1, device=device, dtype=dtype)

    def _smooth(self, raw: Tensor, alpha: Tensor) -> Tensor:
        rise, fall = torch.sigmoid(self.speed_logits).unbind()
        return alpha + torch.where(raw > alpha, rise, fall) * (raw - alpha)

    def step(self, embedding: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, E]`` -> alpha ``[B, 1]``."""
        raw, _ = self.vce.step(embedding)
        alpha = self._smooth(raw, state)
        return alpha, alpha

    def forward(self, embedding: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """``[B, T, E]`` -> alpha ``[B, T, 1]``."""
        alpha = (
            self.init_state(embedding.shape[0], embedding.device, embedding.dtype) if state is None else state
        )
        raw, _ = self.vce(embedding)
        smoothed = []
        for frame in raw.unbind(1):
            alpha = self._smooth(frame, alpha)
            smoothed.append(alpha)
        return torch.stack(smoothed, dim=1), alpha


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

"""How much a cue can be trusted: by its own word, its age, and whether it goes with what is heard."""

import itertools
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..config import StftConfig, VoiceGateConfig
from ..state import join_context
from .fusion import freshness
from .landmarks import BAND_EDGES_HZ, LEVELS

#: Mean square in units of 10 dB below which a level stands still.
_LEAST_VARIANCE = 0.02
#: Power that stands for silence, and the most of a bin that counts: beyond what samples in their limit bring.
_SILENCE, _LOUDEST = 1e-8, 1e6
#: Levels of a cue count up to this, in 10 dB: what one frame brings stays small in the moments.
_FARTHEST = 20.0
#: Frames of fresh cues after which a comparison counts for half.
_HALF_FRAMES = 40.0


class AgreementState(NamedTuple):
    """What `CueAgreement` remembers.

    Attributes:
        heard: levels of the last frames, ``[B, lags, 5]``.
        weight: of the frames that were compared, fading, ``[B, 1]``.
        moments: sums of cue, sound, their squares and their product at each lag, ``[B, 5, L, 5]``.
    """

    heard: Tensor
    weight: Tensor
    moments: Tensor


class CueAgreement(nn.Module):
    """Correlation of a cue with the levels of the sound over the last second, at several lags.

    Nothing is learnt. The moments of both fade with `VoiceGateConfig.memory_s`; frames without a fresh cue
    change nothing. A cue of the voice that is heard agrees at lag 0, a late one at a later lag, one of
    somebody else or of a still face nowhere.
    """

    bands: Tensor

    def __init__(self, config: VoiceGateConfig, stft: StftConfig) -> None:
        super().__init__()
        self.lags = config.lags
        self.fade = float(torch.exp(torch.tensor(-1.0 / (config.memory_s * stft.frames_per_second))))
        hz = torch.arange(stft.bins) * (stft.sample_rate / stft.window)
        edges = [*itertools.pairwise(BAND_EDGES_HZ), (BAND_EDGES_HZ[0], BAND_EDGES_HZ[-1])]
        bands = torch.stack([((hz >= low) & (hz < high)).float() for low, high in edges], dim=1)
        self.register_buffer("bands", bands, persistent=False)

    @property
    def features(self) -> int:
        """Numbers that it gives."""
        return LEVELS * (len(self.lags) + 1) + 1

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> AgreementState:
        """Nothing was compared yet."""
        count = len(self.lags)
        shapes = ((batch, max(self.lags), LEVELS), (batch, 1), (batch, 5, count, LEVELS))
        return AgreementState(*(torch.zeros(shape, device=device, dtype=dtype) for shape in shapes))

    def step(
        self, spectrum: Tensor, mean: Tensor, fresh: Tensor, state: AgreementState
    ) -> tuple[Tensor, AgreementState]:
        """One frame.

        Args:
            spectrum: ``[B, 2, F]``, of what is heard.
            mean: ``[B, 5]``, of the newest cue, see `LandmarkVisualEncoder`.
            fresh: ``[B, 1]`` in [0, 1].
            state: of the frame before.

        Returns:
            ``[B, 26]``: correlations ``[L, 5]`` in [-1, 1], how much the cue moves ``[5]``, how long it was
            compared in [0, 1); the next state.
        """
        power = spectrum.square().sum(1).clamp(max=_LOUDEST)
        level = torch.log10(power @ self.bands + _SILENCE)
        joined, heard = join_context(state.heard, level.unsqueeze(1), dim=1)
        newest = joined.shape[1] - 1
        sound = torch.stack([joined[:, newest - lag] for lag in self.lags], dim=1)
        cue = mean.clamp(-_FARTHEST, _FARTHEST).unsqueeze(1).expand_as(sound)
        now = torch.stack([cue, sound, cue.square(), sound.square(), cue * sound], dim=1)
        # Without a fresh cue everything stays: 1 where fresh is 0, the fade where it is 1.
        keep = 1.0 - (1.0 - self.fade) * fresh
        weight = keep * state.weight + fresh
        moments = keep[..., None, None] * state.moments + fresh[..., None, None] * now
        c, s, cc, ss, cs = (moments / weight.clamp(min=1e-3)[..., None, None]).unbind(1)
        variances = (cc - c.square()).clamp(min=0.0), (ss - s.square()).clamp(min=0.0)
        scale = ((variances[0] + _LEAST_VARIANCE) * (variances[1] + _LEAST_VARIANCE)).sqrt()
        correlation = ((cs - c * s) / scale).clamp(-1.0, 1.0)
        compared = weight / (weight + _HALF_FRAMES)
        features = torch.cat([correlation.flatten(1), variances[0][:, 0].sqrt(), compared], dim=-1)
        return features, AgreementState(heard, weight, moments)


class TrustState(NamedTuple):
    """State of `CueTrust`: of its comparison, and alpha of the frame before, ``[B, 1]``."""

    agreement: AgreementState
    alpha: Tensor


class CueTrust(nn.Module):
    """Alpha in [0, 1] of each frame: a perceptron on agreement and log variances, smoothed, times freshness.

    It rises and falls at two learned speeds, as `VCEWithTemporalSmoothing` does. Stale or no video: 0.
    """

    def __init__(self, config: VoiceGateConfig, stft: StftConfig, hidden: int = 32) -> None:
        super().__init__()
        self.agreement = CueAgreement(config, stft)
        size = self.agreement.features + LEVELS
        self.layers = nn.Sequential(nn.Linear(size, hidden), nn.SiLU(), nn.Linear(hidden, 1))
        self.speed_logits = nn.Parameter(torch.tensor([-3.0, -1.0]))  # rise 0.05, fall 0.27 a frame

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> TrustState:
        """No confidence before the first frame."""
        alpha = torch.zeros(batch, 1, device=device, dtype=dtype)
        return TrustState(self.agreement.init_state(batch, device, dtype), alpha)

    def step(
        self, spectrum: Tensor, cue: Tensor, age_s: Tensor, state: TrustState
    ) -> tuple[Tensor, TrustState]:
        """``[B, 2, F], [B, 10], [B]`` -> alpha ``[B]``, state."""
        fresh = freshness(age_s).unsqueeze(-1)
        mean, log_variance = cue.split(LEVELS, dim=-1)
        features, agreement = self.agreement.step(spectrum, mean, fresh, state.agreement)
        raw = torch.sigmoid(self.layers(torch.cat([features, log_variance], dim=-1)))
        rise, fall = torch.sigmoid(self.speed_logits).unbind()
        alpha = state.alpha + torch.where(raw > state.alpha, rise, fall) * (raw - state.alpha)
        # Confidence that went stale must be earned again.
        return (alpha * fresh).squeeze(-1), TrustState(agreement, alpha * (fresh > 0.0))

    def forward(
        self, spectrum: Tensor, cue: Tensor, age_s: Tensor, state: TrustState | None = None
    ) -> tuple[Tensor, TrustState]:
        """``[B, 2, T, F], [B, T, 10], [B, T]`` -> alpha ``[B, T]``, state."""
        if state is None:
            state = self.init_state(len(cue), cue.device, cue.dtype)
        alphas = []
        for frame, said, age in zip(spectrum.unbind(2), cue.unbind(1), age_s.unbind(1), strict=True):
            alpha, state = self.step(frame, said, age, state)
            alphas.append(alpha)
        return torch.stack(alphas, dim=1), state

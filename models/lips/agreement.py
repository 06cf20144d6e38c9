"""How much a cue can be trusted: by its own word, its age, and whether it goes with what is heard."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..config import StftConfig, VoiceGateConfig
from ..state import join_context
from .bands import cue_bands
from .fusion import freshness
from .landmarks import LEVELS

#: Sounds that a cue is compared with: what is heard, and what the audio-only network lets through.
_SOUNDS = 2
#: Mean square in units of 10 dB below which a level stands still.
_LEAST_VARIANCE = 0.02
#: Power that stands for silence, and the most that counts, where 1 is the running level of what is heard.
_SILENCE, _LOUDEST = 1e-4, 1e4
#: Means of a cue count up to this, in 10 dB: what one frame brings stays small in the moments.
_FARTHEST = 20.0
#: Frames of fresh cues after which a comparison counts for half.
_HALF_FRAMES = 40.0


class CueLevels(nn.Module):
    """Levels of spectra in the bands of a cue, in units of 10 dB of the running level. Stateless."""

    bands: Tensor

    def __init__(self, stft: StftConfig) -> None:
        super().__init__()
        self.register_buffer("bands", torch.from_numpy(cue_bands(stft)), persistent=False)

    def forward(self, heard: Tensor, kept: Tensor) -> Tensor:
        """Power of what is heard and of the audio-only output, ``[..., F]`` each -> ``[..., 10]``."""
        powers = torch.cat([heard @ self.bands, kept @ self.bands], dim=-1)
        return torch.log10(powers.clamp(max=_LOUDEST) + _SILENCE)


class AgreementState(NamedTuple):
    """What `CueAgreement` remembers.

    Attributes:
        levels: of the last frames, ``[B, most lag, 10]``.
        weight: of the frames that were compared, fading, ``[B, 1]``.
        moments: means over them of cue, sound, their squares and their product at each lag,
            ``[B, 5, L, 10]``, times the weight.
    """

    levels: Tensor
    weight: Tensor
    moments: Tensor


class CueAgreement(nn.Module):
    """Correlation of a cue with the levels of the sound over the last second or two, at several lags.

    Nothing is learnt. The moments of both fade with `VoiceGateConfig.memory_s`; frames without a fresh cue
    change nothing. A cue of the voice that is heard agrees at lag 0, a late one at a later lag, one of
    somebody else or of a still face nowhere.
    """

    def __init__(self, config: VoiceGateConfig, stft: StftConfig) -> None:
        super().__init__()
        self.lags = config.lags
        self.fade = math.exp(-1.0 / (config.memory_s * stft.frames_per_second))

    @property
    def features(self) -> int:
        """Numbers that it gives."""
        return _SOUNDS * LEVELS * len(self.lags) + LEVELS + 1

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> AgreementState:
        """Nothing was compared yet."""
        count, levels = len(self.lags), _SOUNDS * LEVELS
        shapes = ((batch, max(self.lags), levels), (batch, 1), (batch, 5, count, levels))
        return AgreementState(*(torch.zeros(shape, device=device, dtype=dtype) for shape in shapes))

    def step(
        self, levels: Tensor, mean: Tensor, fresh: Tensor, state: AgreementState
    ) -> tuple[Tensor, AgreementState]:
        """One frame: ``[B, 10], [B, 5], [B, 1]`` -> ``[B, features]``, state. See `forward`."""
        joined, kept = join_context(state.levels, levels.unsqueeze(1), dim=1)
        now = self._moments(joined, mean.unsqueeze(1)).squeeze(1)
        # Without a fresh cue everything stays: 1 where fresh is 0, the fade where it is 1.
        keep = 1.0 - (1.0 - self.fade) * fresh
        weight = keep * state.weight + fresh
        moments = keep[..., None, None] * state.moments + fresh[..., None, None] * now
        return self._features(weight, moments), AgreementState(kept, weight, moments)

    def forward(
        self, levels: Tensor, mean: Tensor, fresh: Tensor, state: AgreementState | None = None
    ) -> tuple[Tensor, AgreementState]:
        """Any number of frames.

        Args:
            levels: ``[B, T, 10]``, see `CueLevels`.
            mean: ``[B, T, 5]``, of the newest cue, see `LandmarkVisualEncoder`.
            fresh: ``[B, T, 1]`` in [0, 1].
            state: None at the start.

        Returns:
            ``[B, T, features]``: correlations ``[L, 10]`` in [-1, 1], how much the cue moves ``[5]``, how
            long it was compared in [0, 1); the next state.
        """
        if state is None:
            state = self.init_state(len(mean), mean.device, mean.dtype)
        joined, kept = join_context(state.levels, levels, dim=1)
        now = self._moments(joined, mean).flatten(2)
        # What is left of frame s at frame t: the product of what each frame between them kept.
        logarithm = torch.log1p((self.fade - 1.0) * fresh.squeeze(-1)).cumsum(1)
        frame = torch.arange(mean.shape[1], device=mean.device)
        past = frame[:, None] >= frame[None, :]
        left = torch.where(past, (logarithm[:, :, None] - logarithm[:, None, :]).clamp(max=0.0).exp(), 0.0)
        shares = left * fresh.transpose(1, 2)
        before = logarithm.exp().unsqueeze(-1)
        weight = shares.sum(-1, keepdim=True) + before * state.weight.unsqueeze(1)
        moments = shares @ now + before * state.moments.flatten(1).unsqueeze(1)
        moments = moments.unflatten(2, state.moments.shape[1:])
        return self._features(weight, moments), AgreementState(kept, weight[:, -1], moments[:, -1])

    def _moments(self, joined: Tensor, mean: Tensor) -> Tensor:
        """Of each frame: ``[B, most lag + T, 10], [B, T, 5]`` -> ``[B, T, 5, L, 10]``."""
        frames, first = mean.shape[1], joined.shape[1] - mean.shape[1]
        sound = torch.stack([joined[:, first - lag : first - lag + frames] for lag in self.lags], dim=2)
        cue = torch.cat([mean.clamp(-_FARTHEST, _FARTHEST)] * _SOUNDS, dim=-1).unsqueeze(2).expand_as(sound)
        return torch.stack([cue, sound, cue.square(), sound.square(), cue * sound], dim=2)

    def _features(self, weight: Tensor, moments: Tensor) -> Tensor:
        c, s, cc, ss, cs = (moments / weight.clamp(min=1e-3)[..., None, None]).unbind(-3)
        cue, sound = (cc - c.square()).clamp(min=0.0), (ss - s.square()).clamp(min=0.0)
        scale = ((cue + _LEAST_VARIANCE) * (sound + _LEAST_VARIANCE)).sqrt()
        correlation = ((cs - c * s) / scale).clamp(-1.0, 1.0)
        moved = cue[..., 0, :LEVELS].sqrt()
        return torch.cat([correlation.flatten(-2), moved, weight / (weight + _HALF_FRAMES)], dim=-1)


class TrustState(NamedTuple):
    """State of `CueTrust`: of its comparison, its memory ``[B, H]``, and the last alpha ``[B, 1]``."""

    agreement: AgreementState
    row: Tensor
    alpha: Tensor


class CueTrust(nn.Module):
    """Alpha in [0, 1] of each frame, by the cue, its log variance, the sound, and how they agree.

    A small recurrent network weighs the evidence. What it says rises and falls at two learned speeds, as
    `VCEWithTemporalSmoothing` has them, times freshness. Stale or no video: exactly 0.
    """

    def __init__(self, config: VoiceGateConfig, stft: StftConfig) -> None:
        super().__init__()
        self.agreement = CueAgreement(config, stft)
        size = self.agreement.features + (_SOUNDS + 2) * LEVELS + 1
        self.enter = nn.Linear(size, config.trust)
        self.row = nn.GRU(config.trust, config.trust, batch_first=True)
        self.leave = nn.Linear(config.trust, 1)
        self.speed_logits = nn.Parameter(torch.tensor([-2.0, -1.0]))  # rise 0.12, fall 0.27 a frame

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> TrustState:
        """No confidence before the first frame."""
        row = torch.zeros(batch, self.row.hidden_size, device=device, dtype=dtype)
        return TrustState(self.agreement.init_state(batch, device, dtype), row, torch.zeros_like(row[:, :1]))

    def step(
        self, levels: Tensor, cue: Tensor, age_s: Tensor, state: TrustState
    ) -> tuple[Tensor, TrustState]:
        """``[B, 10], [B, 10], [B]`` -> alpha ``[B]``, state."""
        fresh = freshness(age_s).unsqueeze(-1)
        features, agreement = self.agreement.step(levels, cue[:, :LEVELS], fresh, state.agreement)
        row = gru_step(self.row, 0, self._enter(features, levels, cue, fresh), state.row)
        alpha = self._smooth(torch.sigmoid(self.leave(row)), fresh, state.alpha)
        return alpha.squeeze(-1), TrustState(agreement, row, alpha)

    def forward(
        self, levels: Tensor, cue: Tensor, age_s: Tensor, state: TrustState | None = None
    ) -> tuple[Tensor, TrustState]:
        """Any number of frames.

        Args:
            levels: ``[B, T, 10]``, see `CueLevels`.
            cue: ``[B, T, 10]``, means and log variances, see `LandmarkVisualEncoder`.
            age_s: ``[B, T]``.
            state: None at the start.

        Returns:
            alpha ``[B, T]``, the next state.
        """
        if state is None:
            state = self.init_state(len(cue), cue.device, cue.dtype)
        fresh = freshness(age_s).unsqueeze(-1)
        features, agreement = self.agreement(levels, cue[..., :LEVELS], fresh, state.agreement)
        rows, row = self.row(self._enter(features, levels, cue, fresh), state.row.unsqueeze(0))
        raw, alpha, alphas = torch.sigmoid(self.leave(rows)), state.alpha, []
        for now, fresh_now in zip(raw.unbind(1), fresh.unbind(1), strict=True):
            alpha = self._smooth(now, fresh_now, alpha)
            alphas.append(alpha)
        return torch.cat(alphas, dim=1), TrustState(agreement, row.squeeze(0), alpha)

    def _enter(self, features: Tensor, levels: Tensor, cue: Tensor, fresh: Tensor) -> Tensor:
        return torch.nn.functional.silu(self.enter(torch.cat([features, levels, cue * fresh, fresh], dim=-1)))

    def _smooth(self, raw: Tensor, fresh: Tensor, alpha: Tensor) -> Tensor:
        rise, fall = torch.sigmoid(self.speed_logits).unbind()
        # Confidence that went stale must be earned again.
        return fresh * (alpha + torch.where(raw > alpha, rise, fall) * (raw - alpha))


def gru_step(gru: nn.GRU, layer: int, x: Tensor, hidden: Tensor) -> Tensor:
    """One step of a layer of `nn.GRU`, ``[B, I], [B, H] -> [B, H]``, in operators that every graph has."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    weights = [getattr(gru, f"{name}_l{layer}") for name in names]
    reset_x, update_x, new_x = nn.functional.linear(x, weights[0], weights[2]).chunk(3, dim=-1)
    reset_h, update_h, new_h = nn.functional.linear(hidden, weights[1], weights[3]).chunk(3, dim=-1)
    update = torch.sigmoid(update_x + update_h)
    new = torch.tanh(new_x + torch.sigmoid(reset_x + reset_h) * new_h)
    return new + update * (hidden - new)

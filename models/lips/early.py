"""Early fusion of lips, after the later drafts of LiteAVSE: one more channel for what the blocks hear.

The lips draw a map over frequency, one number a band. As far as confidence and gate let it, it is put beside
the encoder's features as one more input channel::

    fused = audio + w * (alpha * gate * (1 + 0.75 * need) * map),   w: one weight a channel

`CrossModalVCE` gives alpha by what is seen *and* heard, `MapGate` the gate, `AudioNeed` the need. With
``scout_frames`` the VCE looks ahead: sound and map wait for it, and what they wait for is latency.

Where the authors' drafts cannot be a stream this differs: the gate looks at one frame alone (theirs at frames
on both sides), video features are held and not interpolated, and alpha is never detached from its loss.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..config import EarlyConfig, StftConfig, VisualConfig
from ..state import join_context
from .fusion import freshness

#: How much more the lips may say where the sound needs all the help there is.
_NEED_WEIGHT = 0.75
#: Hidden features of the gate and of the need.
_HIDDEN = 16
#: Power that stands for silence, where 1 is the running level.
_SILENCE = 1e-5
#: Where speech has most of its power, in Hz.
_SPEECH_HZ = (300.0, 3000.0)


class CrossModalVCE(nn.Module):
    """Alpha in [0, 1] by the embedding and the audio features, and its mean over the last frames.

    Both sides become ``hidden`` features; two layers join them. The last one starts at zero, so that alpha
    starts at a half. State: what was said of the last ``taps - 1`` frames, ``[B, taps - 1, 1]``.
    """

    def __init__(self, channels: int, embedding_size: int, hidden: int, taps: int) -> None:
        super().__init__()
        self.taps = taps
        self.see = nn.Linear(embedding_size, hidden)
        self.hear = nn.Linear(channels, hidden)
        self.join = nn.Sequential(nn.SiLU(), nn.Linear(2 * hidden, hidden), nn.SiLU())
        self.leave = nn.Linear(hidden, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """No confidence before the first frame."""
        return torch.zeros(batch, self.taps - 1, 1, device=device, dtype=dtype)

    def forward(self, audio: Tensor, embedding: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, C, T, P]`` and ``[B, T, E]`` -> alpha ``[B, T]``, state."""
        heard = self.hear(audio.mean(-1).transpose(1, 2))
        said = torch.sigmoid(self.leave(self.join(torch.cat([self.see(embedding), heard], dim=-1))))
        joined, state = join_context(state, said, dim=1)
        frames = said.shape[1]
        alpha = torch.stack([joined[:, tap : tap + frames, 0] for tap in range(self.taps)]).mean(0)
        return alpha, state


class MapGate(nn.Module):
    """FSVG on the maps ``[a, v, a - v, a * v, alpha]``: a gate in (0, 1) of each frame and band."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(5, _HIDDEN, 1), nn.SiLU(), nn.Conv2d(_HIDDEN, 1, 1))

    def forward(self, audio: Tensor, visual: Tensor, alpha: Tensor) -> Tensor:
        """``[B, 1, T, P]`` twice and ``[B, T]`` -> ``[B, 1, T, P]``."""
        certain = alpha[:, None, :, None].expand_as(audio)
        maps = [audio, visual, audio - visual, audio * visual, certain]
        return torch.sigmoid(self.layers(torch.cat(maps, dim=1)))


class AudioNeed(nn.Module):
    """How much a frame of sound needs the lips, in (0, 1), by four statistics of its spectrum. Stateless.

    The statistics, of powers at unit running level: level, flatness (mean of the logarithms over the
    logarithm of the mean), crest (the largest over the mean), each as a decimal logarithm, and the share of
    the power that lies between 300 and 3000 Hz.
    """

    speech: Tensor

    def __init__(self, stft: StftConfig) -> None:
        super().__init__()
        hz = torch.arange(stft.bins) * (stft.sample_rate / stft.window)
        within = (hz >= _SPEECH_HZ[0]) & (hz <= _SPEECH_HZ[1])
        self.register_buffer("speech", within.float(), persistent=False)
        self.layers = nn.Sequential(nn.Linear(4, _HIDDEN), nn.SiLU(), nn.Linear(_HIDDEN, 1))

    def statistics(self, sound: Tensor) -> Tensor:
        """``[B, 2, T, F]`` -> ``[B, T, 4]``: level, flatness, crest, share of speech."""
        power = sound.square().sum(1) + _SILENCE
        mean = power.mean(-1)
        level = mean.log10()
        share = power @ self.speech / power.sum(-1)
        return torch.stack(
            [level, power.log10().mean(-1) - level, power.amax(-1).log10() - level, share], dim=-1
        )

    def forward(self, sound: Tensor) -> Tensor:
        """``[B, 2, T, F]`` at unit level -> need ``[B, T]``."""
        return torch.sigmoid(self.layers(self.statistics(sound))).squeeze(-1)


class EarlyState(NamedTuple):
    """State of `EarlyFusion`; parts that a configuration does without are empty.

    Attributes:
        vce: of it.
        embedding, fresh: lips that wait for their sound, ``[B, D, E]``, and their freshness ``[B, D, 1]``.
    """

    vce: Tensor | tuple[()]
    embedding: Tensor | tuple[()]
    fresh: Tensor | tuple[()]


class EarlyFusion(nn.Module):
    """Puts a map that the lips draw beside the encoder's features, see the module.

    Without a VCE alpha is the freshness, without an FSVG the gate is 1. With stale or no video alpha is
    exactly 0 and the features pass unchanged.

    Args:
        channels, positions: of the features.
        config: of the lips, with ``early``.
        stft: of the spectra.
        ahead: frames that the lips are ahead of the sound, see `ModelConfig.lookahead_frames`.
    """

    def __init__(
        self, channels: int, positions: int, config: VisualConfig, stft: StftConfig, ahead: int
    ) -> None:
        super().__init__()
        early = config.early or EarlyConfig()
        size = config.embedding_size
        self.ahead, self.embedding_size = ahead, size
        self.vce = CrossModalVCE(channels, size, early.hidden, early.taps) if config.vce else None
        self.fsvg = MapGate() if config.fsvg else None
        self.need = AudioNeed(stft) if early.need else None
        self.listen = nn.Conv2d(channels, 1, 1) if config.fsvg else None
        self.draw = nn.Linear(size, positions)
        self.enter = nn.Conv2d(1, channels, 1, bias=False)

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> EarlyState:
        """Nothing was seen yet; what waits is stale."""
        vce = () if self.vce is None else self.vce.init_state(batch, device, dtype)
        if not self.ahead:
            return EarlyState(vce, (), ())
        shapes = ((batch, self.ahead, self.embedding_size), (batch, self.ahead, 1))
        return EarlyState(vce, *(torch.zeros(shape, device=device, dtype=dtype) for shape in shapes))

    def forward(
        self, audio: Tensor, sound: Tensor, embedding: Tensor, video_age_s: Tensor, state: EarlyState
    ) -> tuple[Tensor, Tensor, EarlyState]:
        """Fuse a chunk.

        Args:
            audio: ``[B, C, T, P]``, features.
            sound: ``[B, 2, T, F]``, the spectrum that they are of, at unit level.
            embedding: ``[B, T, E]``, of the newest video frame; ahead of the sound by ``ahead`` frames.
            video_age_s: ``[B, T]``, of that video frame.
            state: see `EarlyState`.

        Returns:
            fused ``[B, C, T, P]``, alpha ``[B, T]`` of these frames of sound, state.
        """
        fresh = freshness(video_age_s).unsqueeze(-1)
        seen, seen_fresh, waiting, waiting_fresh = embedding, fresh, state.embedding, state.fresh
        if isinstance(waiting, Tensor) and isinstance(waiting_fresh, Tensor):
            frames = embedding.shape[1]
            joined, waiting = join_context(waiting, embedding, dim=1)
            joined_fresh, waiting_fresh = join_context(waiting_fresh, fresh, dim=1)
            seen, seen_fresh = joined[:, :frames], joined_fresh[:, :frames]
        alpha, vce = seen_fresh.squeeze(-1), state.vce
        if self.vce is not None and isinstance(vce, Tensor):
            confidence, vce = self.vce(audio, embedding * fresh, vce)
            alpha = alpha * confidence
        visual = self.draw(seen).unsqueeze(1)
        weight = alpha[:, None, :, None]
        if self.fsvg is not None and self.listen is not None:
            weight = weight * self.fsvg(self.listen(audio), visual, alpha)
        if self.need is not None:
            weight = weight * (1.0 + _NEED_WEIGHT * self.need(sound)[:, None, :, None])
        fused = audio + self.enter(weight * visual)
        return fused, alpha, EarlyState(vce, waiting, waiting_fresh)

    @torch.no_grad()
    def turn(self, factor: float) -> None:
        """Let the lips add so much times what they did, where and when they did: alpha and gate stay."""
        self.enter.weight.mul_(factor)

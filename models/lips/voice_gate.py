"""The voice gate: what lips may take away from the audio-only output, and no more.

A first design, not wired into any preset. The audio-only network makes its filter as ever. Where there is
video, a small trunk over bands sees ``fused = audio + alpha * gate * visual`` and says of each band how much
of it to close::

    opening = 1 - alpha * closing,   closing in (0, 1),   output = opening * audio-only output

So lips can never bring back what the audio-only network took away, close nothing beyond ``1 - alpha``, and
without video (alpha exactly 0) the output is the audio-only one to the bit. It begins open: `_CLOSED_LOGIT`.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import BandCodecConfig, StftConfig, VoiceGateConfig
from .agreement import CueTrust, TrustState
from .landmarks import LEVELS

#: Logit of the closing in an untrained gate: 0.018.
_CLOSED_LOGIT = -4.0


class GateState(NamedTuple):
    """State of `VoiceGate`: of alpha, and of its recurrent rows, ``[layers, B, hidden]``."""

    trust: TrustState
    rows: Tensor


class VoiceGate(nn.Module):
    """Gate of each frequency in [1 - alpha, 1], from the bands of the audio-only network and a cue.

    Args:
        channels: of the audio features.
        config: sizes.
        bands: which bins a band of the features covers.
        stft: of the spectrum.
    """

    spread: Tensor

    def __init__(
        self, channels: int, config: VoiceGateConfig, bands: BandCodecConfig, stft: StftConfig
    ) -> None:
        super().__init__()
        self.config, self.positions = config, bands.bands
        self.trust = CueTrust(config, stft)
        self.hear = nn.Linear(channels, config.channels)
        self.see = nn.Linear(2 * LEVELS, config.channels * self.positions)
        self.admit = nn.Linear(2 * config.channels, 1)
        self.squeeze = nn.Linear(config.channels, config.squeezed)
        self.rows = nn.GRU(config.squeezed * self.positions, config.hidden, config.layers, batch_first=True)
        self.leave = nn.Linear(config.hidden, self.positions)
        nn.init.zeros_(self.leave.weight)
        nn.init.constant_(self.leave.bias, _CLOSED_LOGIT)
        self.register_buffer("spread", _spread(bands, stft.bins), persistent=False)

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> GateState:
        """Before the first frame."""
        rows = torch.zeros(self.config.layers, batch, self.config.hidden, device=device, dtype=dtype)
        return GateState(self.trust.init_state(batch, device, dtype), rows)

    def forward(
        self, audio: Tensor, spectrum: Tensor, cue: Tensor, age_s: Tensor, state: GateState | None = None
    ) -> tuple[Tensor, Tensor, GateState]:
        """Any number of frames.

        Args:
            audio: ``[B, C, T, P]``, features of the audio-only network.
            spectrum: ``[B, 2, T, F]``, of what is heard.
            cue: ``[B, T, 10]``, the newest at each frame, see `LandmarkVisualEncoder`.
            age_s: ``[B, T]``, seconds since the video frame behind it was captured.
            state: None at the start of a recording.

        Returns:
            gate ``[B, T, F]``, alpha ``[B, T]``, the next state.
        """
        if state is None:
            state = self.init_state(len(cue), cue.device, cue.dtype)
        alpha, trust = self.trust(spectrum, cue, age_s, state.trust)
        rows, hidden = self.rows(self._fuse(audio, cue, alpha), state.rows)
        return self._opening(rows, alpha), alpha, GateState(trust, hidden)

    def step(
        self, audio: Tensor, spectrum: Tensor, cue: Tensor, age_s: Tensor, state: GateState
    ) -> tuple[Tensor, Tensor, GateState]:
        """``[B, C, P], [B, 2, F], [B, 10], [B]`` -> gate ``[B, F]``, alpha ``[B]``, state."""
        alpha, trust = self.trust.step(spectrum, cue, age_s, state.trust)
        row = self._fuse(audio.unsqueeze(2), cue.unsqueeze(1), alpha.unsqueeze(1)).squeeze(1)
        hidden = []
        for layer, before in enumerate(state.rows.unbind(0)):
            row = self._cell(layer, row, before)
            hidden.append(row)
        return self._opening(row, alpha), alpha, GateState(trust, torch.stack(hidden))

    def _fuse(self, audio: Tensor, cue: Tensor, alpha: Tensor) -> Tensor:
        """Rows ``[B, T, P * squeezed]``."""
        heard = self.hear(audio.permute(0, 2, 3, 1))
        seen = self.see(cue).unflatten(-1, (self.positions, self.config.channels))
        gate = torch.sigmoid(self.admit(torch.cat([heard, seen], dim=-1)))
        fused = heard + alpha[..., None, None] * gate * seen
        return self.squeeze(F.silu(fused)).flatten(2)

    def _opening(self, rows: Tensor, alpha: Tensor) -> Tensor:
        closing = torch.sigmoid(self.leave(rows)) @ self.spread
        return 1.0 - alpha.unsqueeze(-1) * closing.clamp(0.0, 1.0)

    def _cell(self, layer: int, x: Tensor, hidden: Tensor) -> Tensor:
        """One step of `nn.GRU`, in operators that every exported graph has."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        weights = [getattr(self.rows, f"{name}_l{layer}") for name in names]
        reset_x, update_x, new_x = F.linear(x, weights[0], weights[2]).chunk(3, dim=-1)
        reset_h, update_h, new_h = F.linear(hidden, weights[1], weights[3]).chunk(3, dim=-1)
        update = torch.sigmoid(update_x + update_h)
        new = torch.tanh(new_x + torch.sigmoid(reset_x + reset_h) * new_h)
        return new + update * (hidden - new)


def _spread(bands: BandCodecConfig, bins: int) -> Tensor:
    """Weights ``[P, F]`` of bands in each bin: interpolated between their middles, a sum of 1."""
    middles, start = [], 0.0
    for region in bands.regions:
        middles += [start + region.width * (index + 0.5) - 0.5 for index in range(region.bands)]
        start += region.width * region.bands
    at, middle = torch.arange(bins, dtype=torch.float32), torch.tensor(middles)
    above = torch.searchsorted(middle, at).clamp(1, len(middles) - 1)
    share = ((at - middle[above - 1]) / (middle[above] - middle[above - 1])).clamp(0.0, 1.0)
    weights = torch.zeros(len(middles), bins)
    weights[above, torch.arange(bins)] += share
    weights[above - 1, torch.arange(bins)] += 1.0 - share
    return weights

"""The voice gate: what lips may take away from the audio-only output, and no more.

The audio-only network makes its output as ever. Where there is video, a small trunk over bands sees
``fused = audio + alpha * gate * visual`` and says of each band how much of it to close::

    opening = 1 - alpha * closing,   closing in (0, 1),   output = opening * audio-only output

So lips can never bring back what the audio-only network took away, close nothing beyond ``1 - alpha``, and
without video (alpha exactly 0) the output is the audio-only one to the bit. It begins open: `_CLOSED_LOGIT`.

In a gap of the video the gate is open and its memory stands still: lips that come back before `GONE_AGE_S`
go on where they were. Lips that were gone for longer leave nothing behind: they begin as at the start of a
stream and earn their confidence again. So a stream without video needs no step of the gate, whatever it saw
before.
"""

import itertools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import GONE_AGE_S, BandCodecConfig, StftConfig, VoiceGateConfig
from ..state import flatten_state, unflatten_state
from .agreement import CueLevels, CueTrust, TrustState, gru_step
from .bands import gather, spread
from .fusion import freshness
from .gaps import begun_anew
from .landmarks import LEVELS

#: Logit of the closing in an untrained gate: 0.18.
_CLOSED_LOGIT = -1.5
#: Power in a band that stands for silence, and the most that counts, where 1 is the running level.
_SILENCE, _LOUDEST = 1e-5, 1e5


class GateState(NamedTuple):
    """State of `VoiceGate`: of alpha, and of its recurrent rows, ``[B, layers, hidden]``."""

    trust: TrustState
    rows: Tensor


class VoiceGate(nn.Module):
    """Gate of each frequency in [1 - alpha, 1], from what is heard, the audio-only output, and a cue.

    Args:
        config: sizes.
        bands: which bins a band covers.
        stft: of the spectra.
    """

    spread: Tensor
    gather: Tensor

    def __init__(self, config: VoiceGateConfig, bands: BandCodecConfig, stft: StftConfig) -> None:
        super().__init__()
        self.config, self.positions = config, bands.bands
        self.levels = CueLevels(stft)
        self.trust = CueTrust(config, stft)
        self.hear = nn.Linear(2, config.channels)
        self.position = nn.Parameter(torch.zeros(bands.bands, config.channels))
        self.see = nn.Linear(2 * LEVELS, config.channels * self.positions)
        self.admit = nn.Linear(2 * config.channels, 1)
        self.squeeze = nn.Linear(config.channels * self.positions, config.squeezed)
        self.rows = nn.GRU(config.squeezed, config.hidden, config.layers, batch_first=True)
        self.leave = nn.Linear(config.hidden, self.positions)
        nn.init.constant_(self.leave.bias, _CLOSED_LOGIT)
        self.register_buffer("spread", torch.from_numpy(spread(bands, stft.bins)), persistent=False)
        self.register_buffer("gather", torch.from_numpy(gather(bands, stft.bins)), persistent=False)

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> GateState:
        """Before the first frame."""
        rows = torch.zeros(batch, self.config.layers, self.config.hidden, device=device, dtype=dtype)
        return GateState(self.trust.init_state(batch, device, dtype), rows)

    def forward(
        self,
        spectrum: Tensor,
        kept: Tensor,
        gain: Tensor,
        cue: Tensor,
        age_s: Tensor,
        state: GateState | None = None,
    ) -> tuple[Tensor, Tensor, GateState]:
        """Any number of frames.

        Args:
            spectrum: ``[B, 2, T, F]``, of what is heard.
            kept: ``[B, 2, T, F]``, the audio-only output.
            gain: ``[B, T]``, that brings what is heard to unit power, see `InputLevel`.
            cue: ``[B, T, 10]``, the newest at each frame, see `LandmarkVisualEncoder`.
            age_s: ``[B, T]``, seconds since the video frame behind it was captured.
            state: None at the start of a recording.

        Returns:
            gate ``[B, T, F]``, alpha ``[B, T]``, the next state.
        """
        if state is None:
            state = self.init_state(len(cue), cue.device, cue.dtype)
        stale, gone = freshness(age_s) == 0, age_s >= GONE_AGE_S
        kinds = stale.int() + gone.int()
        changes = (kinds[:, 1:] != kinds[:, :-1]).any(0).nonzero().flatten() + 1
        gates, alphas = [], []
        for first, last in itertools.pairwise([0, *changes.tolist(), cue.shape[1]]):
            part = slice(first, last)
            if stale[:, first].all():
                gate, alpha = spectrum.new_ones(spectrum[:, 0, part].shape), torch.zeros_like(age_s[:, part])
            else:
                gate, alpha, after = self._chunk(
                    spectrum[:, :, part], kept[:, :, part], gain[:, part], cue[:, part], age_s[:, part], state
                )
                state = chosen(stale[:, first], state, after)
            state = begun_anew(state, gone[:, first])
            gates.append(gate)
            alphas.append(alpha)
        return torch.cat(gates, dim=1), torch.cat(alphas, dim=1), state

    def _chunk(
        self, spectrum: Tensor, kept: Tensor, gain: Tensor, cue: Tensor, age_s: Tensor, state: GateState
    ) -> tuple[Tensor, Tensor, GateState]:
        """As `forward`, while no video goes stale or comes back."""
        powers = [_power(spectrum, gain), _power(kept, gain)]
        alpha, trust = self.trust(self.levels(*powers), cue, age_s, state.trust)
        before = state.rows.transpose(0, 1).contiguous()
        rows, hidden = self.rows(self._fuse(powers, cue, alpha), before)
        return self._opening(rows, alpha), alpha, GateState(trust, hidden.transpose(0, 1))

    def step(
        self, spectrum: Tensor, kept: Tensor, gain: Tensor, cue: Tensor, age_s: Tensor, state: GateState
    ) -> tuple[Tensor, Tensor, GateState]:
        """``[B, 2, F], [B, 2, F], [B], [B, 10], [B]`` -> gate ``[B, F]``, alpha ``[B]``, state."""
        powers = [_power(spectrum, gain), _power(kept, gain)]
        alpha, trust = self.trust.step(self.levels(*powers), cue, age_s, state.trust)
        row, hidden = self._fuse(powers, cue, alpha), []
        for layer, before in enumerate(state.rows.unbind(1)):
            row = gru_step(self.rows, layer, row, before)
            hidden.append(row)
        after = chosen(freshness(age_s) == 0, state, GateState(trust, torch.stack(hidden, dim=1)))
        after = begun_anew(after, age_s >= GONE_AGE_S)
        return self._opening(row, alpha), alpha, after

    def confidence(self, spectrum: Tensor, kept: Tensor, gain: Tensor, cue: Tensor, age_s: Tensor) -> Tensor:
        """Alpha ``[B, T]`` alone, from the start of a recording, for training it: see `forward`."""
        alpha, _ = self.trust(self.levels(_power(spectrum, gain), _power(kept, gain)), cue, age_s)
        return alpha

    def opening(self, spectrum: Tensor, kept: Tensor, gain: Tensor, cue: Tensor, alpha: Tensor) -> Tensor:
        """The gate ``[B, T, F]`` for an alpha ``[B, T]`` that is given, from the start, for training it."""
        rows, _ = self.rows(self._fuse([_power(spectrum, gain), _power(kept, gain)], cue, alpha))
        return self._opening(rows, alpha)

    def _fuse(self, powers: list[Tensor], cue: Tensor, alpha: Tensor) -> Tensor:
        """Rows ``[..., squeezed]`` of powers ``[..., F]``, a cue ``[..., 10]`` and alpha ``[...]``."""
        bands = torch.stack(
            [torch.log10((power @ self.gather).clamp(max=_LOUDEST) + _SILENCE) for power in powers], dim=-1
        )
        heard = self.hear(bands) + self.position
        seen = self.see(cue).unflatten(-1, (self.positions, self.config.channels))
        gate = torch.sigmoid(self.admit(torch.cat([heard, seen], dim=-1)))
        fused = heard + alpha[..., None, None] * gate * seen
        return F.silu(self.squeeze(F.silu(fused).flatten(-2)))

    def _opening(self, rows: Tensor, alpha: Tensor) -> Tensor:
        closing = torch.sigmoid(self.leave(rows)) @ self.spread
        return 1.0 - alpha.unsqueeze(-1) * closing.clamp(0.0, 1.0)


def chosen(which: Tensor, first: GateState, second: GateState) -> GateState:
    """Of each stream the first state where ``which [B]``, else the second."""
    pairs = zip(flatten_state(first), flatten_state(second), strict=True)
    tensors = [torch.where(which.view(-1, *(1 for _ in a.shape[1:])), a, b) for a, b in pairs]
    after: GateState = unflatten_state(second, tensors)
    return after


def _power(spectrum: Tensor, gain: Tensor) -> Tensor:
    """``[B, 2, T, F], [B, T] -> [B, T, F]``, or the same without T: power at unit level."""
    return spectrum.square().sum(1) * gain.square().unsqueeze(-1)

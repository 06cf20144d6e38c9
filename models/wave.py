"""Wave to wave: hop in, hop out. What every runtime runs."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .config import EMBEDDING_LIMIT, SAMPLE_LIMIT
from .layers.stft import Analysis, Synthesis
from .lite_avse import LiteAVSEMamba, NetState


class WaveState(NamedTuple):
    """Everything that one stream carries from one hop to the next."""

    analysis: Tensor
    net: NetState
    synthesis: Tensor


def limited(x: Tensor, limit: float) -> Tensor:
    """``x`` within +-``limit``, NaN as 0; what lies within passes to the bit.

    Every state follows from what comes in, so that with this none can leave its range.
    """
    return torch.where(x.isnan(), 0.0, x.clamp(-limit, limit))


class WaveModel(nn.Module):
    """Analysis, network, attenuation limit and synthesis around a `LiteAVSEMamba`.

    The output lags the input by ``window - hop`` samples and those that the network looks ahead. Samples
    beyond ``SAMPLE_LIMIT`` are limited to it.
    """

    def __init__(self, net: LiteAVSEMamba) -> None:
        super().__init__()
        self.net = net
        self.analysis = Analysis(net.config.stft)
        self.synthesis = Synthesis(net.config.stft)

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> WaveState:
        """The state before the first hop."""
        return WaveState(
            analysis=self.analysis.init_state(batch, device, dtype),
            net=self.net.init_state(batch, device, dtype),
            synthesis=self.synthesis.init_state(batch, device, dtype),
        )

    def step(
        self, hop: Tensor, embedding: Tensor | None, video_age_s: Tensor | None, dry: Tensor, state: WaveState
    ) -> tuple[Tensor, Tensor, WaveState]:
        """One hop.

        Args:
            hop: ``[B, hop]``.
            embedding: ``[B, E]`` of the newest video frame, or None.
            video_age_s: ``[B]``, or None.
            dry: ``[B]``, share of the noisy signal in the output (``10 ** (-limit_db / 20)``; 1 bypasses).
            state: of the stream.

        Returns:
            ``[B, hop]``, alpha ``[B]``, state.
        """
        if embedding is not None:
            embedding = limited(embedding, EMBEDDING_LIMIT)
        spectrum, analysis = self.analysis.step(limited(hop, SAMPLE_LIMIT), state.analysis)
        enhanced, alpha, net = self.net.step(spectrum, embedding, video_age_s, state.net)
        heard = self.net.heard_in_step(spectrum, state.net)
        mixed = enhanced + dry[:, None, None] * (heard - enhanced)
        wave, synthesis = self.synthesis.step(mixed, state.synthesis)
        return wave, alpha, WaveState(analysis, net, synthesis)

    def forward(
        self,
        wave: Tensor,
        embedding: Tensor | None = None,
        video_age_s: Tensor | None = None,
        dry: Tensor | None = None,
        state: WaveState | None = None,
    ) -> tuple[Tensor, Tensor, WaveState]:
        """A chunk of whole hops, or a recording.

        Args:
            wave: ``[B, T * hop]``.
            embedding: ``[B, T, E]`` of the newest video frame at each hop; None for audio alone.
            video_age_s: ``[B, T]``, seconds since that frame was captured; needed with ``embedding``.
            dry: ``[B, T]``, share of the noisy signal in the output; None for none.
            state: None at the start of a recording.

        Returns:
            ``[B, T * hop]``, lagging by ``window - hop``; alpha ``[B, T]``; state.
        """
        # The layers begin by themselves: mixers that are given no state may use a faster kernel.
        before = (None, None, None) if state is None else state
        if embedding is not None:
            embedding = limited(embedding, EMBEDDING_LIMIT)
        spectrum, analysis = self.analysis(limited(wave, SAMPLE_LIMIT), before[0])
        enhanced, alpha, net = self.net(spectrum, embedding, video_age_s, before[1])
        if dry is not None:
            heard = self.net.heard(spectrum, before[1])
            enhanced = enhanced + dry[:, None, :, None] * (heard - enhanced)
        out, synthesis = self.synthesis(enhanced, before[2])
        return out, alpha, WaveState(analysis, net, synthesis)

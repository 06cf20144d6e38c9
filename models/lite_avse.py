"""LiteAVSEMamba: the audio-visual model of this project, from noisy to clean spectrum."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .codecs.base import make_codec
from .config import ModelConfig
from .layers.branches import Branches
from .layers.level import InputLevel, LevelState
from .layers.tf_mamba import BlockStack, BlockState, CausalTFMambaBlock, TFMambaBlock
from .lips.early import EarlyFusion
from .lips.encoder import make_visual_encoder
from .lips.fusion import VisualFusion
from .lips.gaps import fuse_between_gaps
from .lips.voice_gate import VoiceGate
from .state import State, flatten_state, join_context, unflatten_state
from .store.registry import ModelName, find_model


class NetState(NamedTuple):
    """What the network carries from one frame to the next. Parts that it does not have are empty.

    ``held [B, 2, D, F]`` are spectra that wait for the video frames that the VCE looks ahead.
    """

    level: LevelState
    codec: State
    fusion: State
    blocks: tuple[BlockState, ...]
    gate: State
    branches: State
    held: State


class LiteAVSEMamba(nn.Module):
    """Encoder -> N x TF-Mamba (-> branches) -> decoder, with lips in one of two places.

    Embeddings of lip crops join the encoder's features in a double-gated fusion, or an early one. A cue of
    landmarks does so too, but for ``config.gate``: there it has no say in the network for sound and goes to a
    gate on its output, which may only take away.

    Causal with the state protocol (`models.state`), or, where ``config.causal`` is false, the bidirectional
    offline form of the same sizes, which has no ``step`` and must be given whole recordings. The visual
    encoder, ``visual``, runs apart from it, once a video frame; its embeddings are held for the audio frames
    that follow.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.level = InputLevel(config.stft.frames_per_second)
        self.codec = make_codec(config)
        self.visual = make_visual_encoder(config.visual)
        self.fusion: VisualFusion | EarlyFusion | None = None
        self.gate: VoiceGate | None = None
        if config.gate is not None:
            self.gate = VoiceGate(config.gate, config.band, config.stft)
        elif config.visual.early is None:
            self.fusion = VisualFusion(config.channels, config.visual, self.codec.band_hz)
        else:
            places = config.channels, self.codec.positions
            self.fusion = EarlyFusion(*places, config.visual, config.stft, config.lookahead_frames)
        self.blocks = BlockStack(self._block() for _ in range(config.num_blocks))
        self.branches: Branches | None = None
        if (parts := config.branches) is not None:
            sizes = (config.channels, self.codec.positions, parts.blocks, parts.attention)
            self.branches = Branches(*sizes, self._block)

    def _block(self) -> CausalTFMambaBlock | TFMambaBlock:
        config = self.config
        kind = CausalTFMambaBlock if config.causal else TFMambaBlock
        positions = self.codec.positions
        return kind(
            config.channels, config.time, config.frequency, positions, config.memory, config.attention
        )

    def init_state(
        self, batch: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> NetState:
        """The state before the first frame. The offline form carries none in its blocks."""
        return NetState(
            level=self.level.init_state(batch, device, dtype),
            codec=self.codec.init_state(batch, device, dtype),
            fusion=() if self.fusion is None else self.fusion.init_state(batch, device, dtype),
            blocks=self.blocks.init_state(batch, device, dtype),
            gate=() if self.gate is None else self.gate.init_state(batch, device, dtype),
            branches=() if self.branches is None else self.branches.init_state(batch, device, dtype),
            held=self._init_held(batch, device, dtype),
        )

    def _init_held(self, batch: int, device: torch.device | None, dtype: torch.dtype) -> State:
        frames, bins = self.config.lookahead_frames, self.config.stft.bins
        return torch.zeros(batch, 2, frames, bins, device=device, dtype=dtype) if frames else ()

    def heard(self, spectrum: Tensor, state: NetState | None) -> Tensor:
        """The frames that `forward` enhances, ``[B, 2, T, F]``: older than those given if it looks ahead."""
        return self._hold(spectrum, self._held(spectrum, state))[0]

    def heard_in_step(self, spectrum: Tensor, state: NetState) -> Tensor:
        """The frame that `step` enhances, ``[B, 2, F]``."""
        oldest: Tensor = state.held[:, :, 0] if self.config.lookahead_frames else spectrum
        return oldest

    def _held(self, spectrum: Tensor, state: NetState | None) -> State:
        if state is not None:
            return state.held
        return self._init_held(len(spectrum), spectrum.device, spectrum.dtype)

    def _hold(self, spectrum: Tensor, held: State) -> tuple[Tensor, State]:
        """The frames to enhance now, and those that wait."""
        if not self.config.lookahead_frames:
            return spectrum, held
        joined, held = join_context(held, spectrum, dim=2)
        return joined[:, :, : spectrum.shape[2]], held

    def forward(
        self,
        spectrum: Tensor,
        embedding: Tensor | None = None,
        video_age_s: Tensor | None = None,
        state: NetState | None = None,
    ) -> tuple[Tensor, Tensor, NetState]:
        """Enhance a chunk of frames.

        Args:
            spectrum: ``[B, 2, T, F]``.
            embedding: ``[B, T, E]``, of the newest video frame at each audio frame, or the newest cue; None
                for audio alone.
            video_age_s: ``[B, T]``, seconds since that frame was captured; needed with ``embedding``.
            state: None at the start of a recording.

        Returns:
            The enhanced spectrum ``[B, 2, T, F]``, alpha ``[B, T]``, the next state. Both are those of
            ``config.lookahead_frames`` before.

        Raises:
            ValueError: an embedding without its age.
        """
        # Blocks that are given no state know that they start from zero and may use a faster kernel.
        states = (None, None) if state is None else (state.blocks, state.branches)
        if state is None:
            state = self.init_state(spectrum.shape[0], spectrum.device, spectrum.dtype)
        spectrum, held = self._hold(spectrum, state.held)
        gain, level = self.level(spectrum, state.level)
        sound = spectrum * gain[:, None, :, None]
        features, skip, codec = self.codec.encode(sound, state.codec)
        features, alpha, fusion = self._fuse(features, sound, embedding, video_age_s, state.fusion)
        features, blocks = self.blocks(features, states[0])
        branches: State = ()
        if self.branches is not None:
            features, branches = self.branches(features, states[1])
        enhanced, codec = self.codec.decode(features, skip, spectrum, codec)
        gate_state = _emptied(state.gate)
        if self.gate is not None and embedding is not None and video_age_s is not None:
            opening, alpha, gate_state = self.gate(
                spectrum, enhanced, gain, embedding, video_age_s, state.gate
            )
            enhanced = opening.unsqueeze(1) * enhanced
        return enhanced, alpha, NetState(level, codec, fusion, blocks, gate_state, branches, held)

    def step(
        self, spectrum: Tensor, embedding: Tensor | None, video_age_s: Tensor | None, state: NetState
    ) -> tuple[Tensor, Tensor, NetState]:
        """One frame: ``[B, 2, F], [B, E], [B]`` -> ``[B, 2, F]``, alpha ``[B]``, state."""
        frame, held = self._hold(spectrum.unsqueeze(2), state.held)
        spectrum = self.heard_in_step(spectrum, state)
        gain, level = self.level.step(spectrum, state.level)
        sound = frame * gain[:, None, None, None]
        features, skip, codec = self.codec.encode(sound, state.codec)
        seen = [None if part is None else part.unsqueeze(1) for part in (embedding, video_age_s)]
        features, alpha, fusion = self._fuse(features, sound, seen[0], seen[1], state.fusion)
        column, blocks = self.blocks.step(features.squeeze(2), state.blocks)
        branches: State = ()
        if self.branches is not None:
            column, branches = self.branches.step(column, state.branches)
        decoded, codec = self.codec.decode(column.unsqueeze(2), skip, frame, codec)
        enhanced, alpha, gate_state = decoded.squeeze(2), alpha.squeeze(1), _emptied(state.gate)
        if self.gate is not None and embedding is not None and video_age_s is not None:
            opening, alpha, gate_state = self.gate.step(
                spectrum, enhanced, gain, embedding, video_age_s, state.gate
            )
            enhanced = opening.unsqueeze(1) * enhanced
        return enhanced, alpha, NetState(level, codec, fusion, blocks, gate_state, branches, held)

    def _fuse(
        self,
        features: Tensor,
        sound: Tensor,
        embedding: Tensor | None,
        video_age_s: Tensor | None,
        state: State,
    ) -> tuple[Tensor, Tensor, State]:
        if embedding is not None and video_age_s is None:
            raise ValueError("an embedding needs its age: pass video_age_s [B, T] in seconds")
        if embedding is None or video_age_s is None or self.fusion is None:
            state = _emptied(state) if self.config.sees_landmarks else state
            return features, features.new_zeros(features.shape[0], features.shape[2]), state
        given = (features, sound, embedding, video_age_s)
        if self.config.sees_landmarks:
            # A stream whose landmarks are gone may be stepped without: nothing of them may be left.
            return fuse_between_gaps(self._fuse_chunk, *given, state)
        return self._fuse_chunk(*given, state)

    def _fuse_chunk(
        self, features: Tensor, sound: Tensor, embedding: Tensor, video_age_s: Tensor, state: State
    ) -> tuple[Tensor, Tensor, State]:
        if isinstance(self.fusion, EarlyFusion):
            return self.fusion(features, sound, embedding, video_age_s, state)
        assert self.fusion is not None
        return self.fusion(features, embedding, video_age_s, state)


def _emptied(state: State) -> State:
    """The state of what sees landmarks after a frame without video: as at the start."""
    return unflatten_state(state, [torch.zeros_like(tensor) for tensor in flatten_state(state)])


def build(name: ModelName, causal: bool = True) -> LiteAVSEMamba:
    """An untrained model of the sizes of one that is there, causal or in its bidirectional offline form.

    Args:
        name: see `find_model`.
        causal: which form.

    Raises:
        InputError: there is no such model.
    """
    config = find_model(name).config
    return LiteAVSEMamba(config if causal else config.offline())

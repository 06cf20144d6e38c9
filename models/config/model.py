"""The configuration of a whole streaming model, of the parts that fit together."""

import math
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from ...errors import InputError
from .lips import VIDEO_FRAME_S, VisualConfig, VoiceGateConfig, choices
from .sound import (
    AttentionConfig,
    BandCodecConfig,
    BranchConfig,
    Codec,
    MemoryConfig,
    MixerConfig,
    StftConfig,
)

#: Parts that a model may do without, for ablations: two of the fusion, the memory, the voice gate.
Part = Literal["vce", "fsvg", "memory", "gate"]


@dataclass(frozen=True)
class ModelConfig:
    """A whole streaming model. ``causal=False`` is its bidirectional offline form of the same sizes.

    ``gate`` takes the place of the fusion; ``visual.encoder`` sees landmarks then. ``attention`` takes that
    of the mixer along frequency. ``branches`` part magnitude and phase behind the blocks.

    Raises:
        InputError: sizes that do not fit together.
    """

    name: str
    channels: int
    num_blocks: int
    codec: Codec
    time: MixerConfig
    frequency: MixerConfig
    stft: StftConfig = field(default_factory=StftConfig)
    band: BandCodecConfig = field(default_factory=BandCodecConfig)
    memory: MemoryConfig | None = None
    visual: VisualConfig = field(default_factory=VisualConfig)
    gate: VoiceGateConfig | None = None
    attention: AttentionConfig | None = None
    branches: BranchConfig | None = None
    causal: bool = True

    def __post_init__(self) -> None:
        if self.channels < 1 or self.num_blocks < 1:
            raise InputError("channels and num_blocks must be at least 1")
        if self.codec not in get_args(Codec):
            raise InputError(f"unknown codec '{self.codec}': {choices(Codec)}")
        mixers = [(self.time, self.channels), (self.frequency, self.channels)]
        if self.memory is not None:
            mixers.append((self.memory.mixer, self.memory.channels))
        for mixer, channels in mixers:
            inner = mixer.expand * channels
            if mixer.version == 2 and inner % mixer.head_size:
                raise InputError(f"head_size {mixer.head_size} must divide expand * channels = {inner}")
        exchange = None if self.branches is None else self.branches.attention
        for attention in (self.attention, exchange):
            if attention is not None and self.channels % attention.heads:
                raise InputError(f"heads {attention.heads} must divide channels = {self.channels}")
        if self.branches is not None and self.codec == "band":
            raise InputError(
                "branches of magnitude and phase need a codec with a decoder for each: dense or separable"
            )
        if self.gate is not None and (self.visual.encoder != "landmarks" or self.visual.early is not None):
            raise InputError(
                "the voice gate takes a cue of landmarks, and no fusion beside it: set visual.encoder to "
                '"landmarks" and leave out visual.early, or do without the gate'
            )
        if self.lookahead_frames and not self.causal:
            raise InputError("scout_frames are for streams: the offline form hears and sees all there is")
        has_bands = self.codec == "band" or self.gate is not None
        if has_bands and self.band.covered_bins + 1 != self.stft.bins:
            raise InputError(
                f"the bands cover {self.band.covered_bins} bins, a window of {self.stft.window} has "
                f"{self.stft.bins - 1} below Nyquist: change the regions or the window"
            )

    @property
    def sees_landmarks(self) -> bool:
        """Whether its visual encoder sees landmarks, and else lip crops."""
        return self.visual.encoder == "landmarks"

    @property
    def lookahead_frames(self) -> int:
        """Frames of sound that wait for the video frames that the VCE looks ahead."""
        early = self.visual.early
        scout_s = 0.0 if early is None else early.scout_frames * VIDEO_FRAME_S
        return math.ceil(scout_s * self.stft.frames_per_second - 1e-6)

    @property
    def lookahead_samples(self) -> int:
        """As `lookahead_frames`; they come on top of the window in the latency."""
        return self.lookahead_frames * self.stft.hop

    def offline(self) -> "ModelConfig":
        """The same sizes, bidirectional in time."""
        return replace(self, causal=False)

    def without(self, *parts: str) -> "ModelConfig":
        """The same model without parts of it; what had a voice gate sees lip crops then, in a fusion.

        Raises:
            InputError: there is no such part.
        """
        for part in parts:
            if part not in get_args(Part):
                raise InputError(f"a model has no part '{part}': {choices(Part)}")
        config = replace(self, memory=None) if "memory" in parts else self
        if "gate" in parts and config.gate is not None:
            config = replace(config, gate=None, visual=VisualConfig())
        visual = config.visual
        if config.gate is not None and {"vce", "fsvg"} & set(parts):
            raise InputError(f"model '{self.name}' has a voice gate and no fusion to leave parts of out")
        if "vce" in parts:
            visual = replace(visual, vce=False, smoothing=False)
        if "fsvg" in parts:
            visual = replace(visual, fsvg=False, frequency_prior=False)
        return replace(config, visual=visual)

"""Configurations of the streaming models: frozen, validated once, and the presets built from them."""

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from ..errors import InputError

Codec = Literal["dense", "separable", "band"]
VisualEncoderName = Literal["mobilenet", "conv3d", "landmarks"]
#: The running input level: its time constant in seconds, and its floor in dB of full scale.
LEVEL_TIME_CONSTANT_S, LEVEL_FLOOR_DBFS = 2.0, -75.0
#: The peak that bounds the level is held for so many seconds, and then falls by so many dB a second.
LEVEL_HOLD_S, LEVEL_FALL_DB_S = 0.5, 80.0
#: Samples are limited to this many times full scale (+18 dBFS): beyond what any microphone or mix gives.
SAMPLE_LIMIT = 8.0
#: Numbers of an embedding are limited to this; those of the visual encoders are a few ones.
EMBEDDING_LIMIT = 1000.0
#: Age of a video frame in seconds up to which alpha is as estimated, and from which it is 0.
FRESH_AGE_S, STALE_AGE_S = 0.12, 0.5
#: Age from which lips are gone: those that come back later may be somebody else's.
GONE_AGE_S = 1.0
#: Numbers in a cue: means of five levels of a voice, then their log variances. See `models.lips.landmarks`.
CUE_SIZE = 10
#: Hidden features of the VCE.
VCE_HIDDEN = 64
#: Convolutions of a dense block, each dilated twice as far as the one before.
DENSE_DEPTH = 4
#: Parts that a model may do without, for ablations: two of the fusion, the memory, the voice gate.
Part = Literal["vce", "fsvg", "memory", "gate"]


def level_hold_frames(frames_per_second: float) -> int:
    """For how many frames the peak is held, at least 2: the present one and the one before."""
    return max(2, round(LEVEL_HOLD_S * frames_per_second))


def _choices(names: object) -> str:
    return f"choose one of {', '.join(get_args(names))}"


@dataclass(frozen=True)
class StftConfig:
    """Analysis and synthesis: sizes in samples at ``sample_rate`` Hz.

    Raises:
        InputError: a window that is odd, no multiple of the hop, or overlaps by less than half, and the like.
    """

    sample_rate: int = 16000
    window: int = 400
    hop: int = 200
    compression: float = 0.3

    def __post_init__(self) -> None:
        if self.sample_rate < 1:
            raise InputError(f"sample rate {self.sample_rate} must be at least 1 Hz")
        if self.hop < 1 or self.window % self.hop or self.window < 2 * self.hop or self.window % 2:
            raise InputError(
                f"window {self.window} must be even, a multiple of hop {self.hop} and at least twice as long"
            )
        if not 0.0 < self.compression <= 1.0:
            raise InputError(f"compression {self.compression} must be above 0 and at most 1")

    @property
    def bins(self) -> int:
        """Frequency bins of one frame."""
        return self.window // 2 + 1

    @property
    def frames_per_second(self) -> float:
        return self.sample_rate / self.hop


@dataclass(frozen=True)
class MixerConfig:
    """One Mamba mixer. ``head_size`` is used by version 2 only.

    ``shared_directions`` (version 2, on an axis seen from both sides) runs both directions with one set of
    parameters.
    """

    version: Literal[1, 2] = 1
    d_state: int = 16
    d_conv: int = 4
    expand: int = 4
    head_size: int = 16
    shared_directions: bool = False

    def __post_init__(self) -> None:
        if self.version not in (1, 2):
            raise InputError(f"Mamba version {self.version} is unknown: use 1 or 2")
        if min(self.d_state, self.d_conv, self.expand, self.head_size) < 1:
            raise InputError("d_state, d_conv, expand and head_size must be at least 1")
        if self.shared_directions and self.version != 2:
            raise InputError("shared_directions needs version 2 (its scan is one matrix for both directions)")


@dataclass(frozen=True)
class MemoryConfig:
    """A memory of the whole spectrum before each block, see `models.layers.memory`.

    Attributes:
        features: numbers that a position gives to the row of a frame and gets back from it.
        channels: of the row.
        mixer: that follows the row through time.
    """

    features: int = 8
    channels: int = 128
    mixer: MixerConfig = field(default_factory=lambda: MixerConfig(version=2, expand=2))

    def __post_init__(self) -> None:
        if min(self.features, self.channels) < 1:
            raise InputError("features and channels of the memory must be at least 1")


@dataclass(frozen=True)
class AttentionConfig:
    """Attention along frequency within a frame, see `models.layers.frequency_attention`.

    Attributes:
        heads: that share the channels.
        expand: how much wider the layer behind it is than the channels.
    """

    heads: int = 4
    expand: int = 2

    def __post_init__(self) -> None:
        if min(self.heads, self.expand) < 1:
            raise InputError("heads and expand of the attention must be at least 1")


@dataclass(frozen=True)
class BranchConfig:
    """A branch for the magnitude and one for the phase behind the blocks, see `models.layers.branches`.

    Attributes:
        blocks: of each branch.
        attention: in which they hear each other.
    """

    blocks: int = 2
    attention: AttentionConfig = field(default_factory=AttentionConfig)

    def __post_init__(self) -> None:
        if self.blocks < 1:
            raise InputError("blocks of a branch must be at least 1")


@dataclass(frozen=True)
class BandRegion:
    """``bands`` neighbouring bands of ``width`` bins each."""

    width: int
    bands: int


@dataclass(frozen=True)
class BandCodecConfig:
    """The band codec: full-resolution features, bands of growing width, a filter of ``taps`` frames a bin."""

    features: int = 12
    regions: tuple[BandRegion, ...] = (BandRegion(2, 16), BandRegion(4, 16), BandRegion(8, 13))
    taps: int = 3

    def __post_init__(self) -> None:
        if min(self.features, self.taps) < 1:
            raise InputError("features and taps of the band codec must be at least 1")
        if not self.regions or any(min(region.width, region.bands) < 1 for region in self.regions):
            raise InputError("the band codec needs regions, each with a width and bands of at least 1")

    @property
    def bands(self) -> int:
        return sum(region.bands for region in self.regions)

    @property
    def covered_bins(self) -> int:
        return sum(region.bands * region.width for region in self.regions)


@dataclass(frozen=True)
class LandmarkConfig:
    """Sizes of the visual encoder that sees landmarks, see `models.lips.landmarks`.

    Attributes:
        channels: of each member.
        layers, taps: convolutions over ticks of 40 ms, and how many ticks each sees.
        members: small networks side by side, whose mixture is the cue.
        memory_ticks: ticks that the running mean of the face looks back.
    """

    channels: int = 32
    layers: int = 2
    taps: int = 7
    members: int = 3
    memory_ticks: int = 100

    def __post_init__(self) -> None:
        if min(self.channels, self.layers, self.taps, self.members, self.memory_ticks) < 1:
            raise InputError("channels, layers, taps, members and memory_ticks must be at least 1")


@dataclass(frozen=True)
class VisualConfig:
    """The path of the lips into the network.

    Encoders of crops (``lips_size``) feed a fusion: ``smoothing`` puts the temporal smoother behind the VCE,
    ``frequency_prior`` the learned prior into the FSVG. Without ``vce`` alpha is 1 while the video is fresh,
    without ``fsvg`` the gate is 1 everywhere. The encoder of ``landmarks`` gives a cue to the voice gate
    instead, see `ModelConfig.gate`.
    """

    encoder: VisualEncoderName = "conv3d"
    embedding_size: int = 512
    lips_size: int = 96
    vce: bool = True
    smoothing: bool = True
    fsvg: bool = True
    frequency_prior: bool = True
    landmarks: LandmarkConfig = field(default_factory=LandmarkConfig)

    def __post_init__(self) -> None:
        if self.smoothing and not self.vce:
            raise InputError("smoothing needs the VCE whose alpha it smooths: set both or neither")
        if self.frequency_prior and not self.fsvg:
            raise InputError("frequency_prior needs the FSVG whose gate it favours: set both or neither")
        if self.encoder not in get_args(VisualEncoderName):
            raise InputError(f"unknown visual encoder '{self.encoder}': {_choices(VisualEncoderName)}")
        if self.embedding_size < 1 or self.lips_size < 2:
            raise InputError("embedding_size must be at least 1 and lips_size at least 2")
        if self.encoder == "landmarks" and self.embedding_size != CUE_SIZE:
            raise InputError(f"the encoder of landmarks gives a cue: embedding_size must be {CUE_SIZE}")


@dataclass(frozen=True)
class VoiceGateConfig:
    """Sizes of the voice gate, see `models.lips.voice_gate`.

    Attributes:
        channels: of what its trunk sees of each band.
        hidden, layers: of its recurrent rows.
        squeezed: numbers that the bands of a frame give to a row.
        trust: width of the recurrent network that gives alpha.
        memory_s: seconds over which cue and sound are compared.
        lags: delays of the sound at which they are, in frames; a late cue agrees better with older sound.
    """

    channels: int = 8
    hidden: int = 192
    layers: int = 2
    squeezed: int = 128
    trust: int = 48
    memory_s: float = 1.5
    lags: tuple[int, ...] = (0, 12, 24, 36, 48)

    def __post_init__(self) -> None:
        if min(self.channels, self.hidden, self.layers, self.squeezed, self.trust) < 1 or self.memory_s <= 0:
            raise InputError(
                "channels, hidden, layers, squeezed, trust and memory_s of the voice gate must be above 0"
            )
        if not self.lags or min(self.lags) < 0:
            raise InputError("the voice gate needs lags of at least 0")


@dataclass(frozen=True)
class ModelConfig:
    """A whole streaming model. ``causal=False`` is its bidirectional offline form of the same sizes.

    ``gate`` takes the place of the fusion where ``visual.encoder`` sees landmarks, ``attention`` that of the
    mixer along frequency. ``branches`` part magnitude and phase behind the blocks.

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
            raise InputError(f"unknown codec '{self.codec}': {_choices(Codec)}")
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
        if (self.gate is not None) != (self.visual.encoder == "landmarks"):
            raise InputError(
                "the voice gate and the encoder of landmarks need each other: set both or neither"
            )
        has_bands = self.codec == "band" or self.gate is not None
        if has_bands and self.band.covered_bins + 1 != self.stft.bins:
            raise InputError(
                f"the bands cover {self.band.covered_bins} bins, a window of {self.stft.window} has "
                f"{self.stft.bins - 1} below Nyquist: change the regions or the window"
            )

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
                raise InputError(f"a model has no part '{part}': {_choices(Part)}")
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


PRESETS: dict[str, ModelConfig] = {
    config.name: config
    for config in (
        ModelConfig(
            name="parent",
            channels=64,
            num_blocks=4,
            codec="dense",
            time=MixerConfig(),
            frequency=MixerConfig(),
            stft=StftConfig(hop=100),
            visual=VisualConfig(encoder="mobilenet", smoothing=False, frequency_prior=False),
        ),
        ModelConfig(
            name="base",
            channels=48,
            num_blocks=4,
            codec="separable",
            time=MixerConfig(version=2, expand=2),
            frequency=MixerConfig(version=2, d_conv=3, expand=2, shared_directions=True),
        ),
        ModelConfig(
            name="lite",
            channels=32,
            num_blocks=2,
            codec="band",
            time=MixerConfig(version=2, expand=2),
            frequency=MixerConfig(version=2, d_conv=3, expand=2, shared_directions=True),
            memory=MemoryConfig(),
            visual=VisualConfig(encoder="landmarks", embedding_size=CUE_SIZE),
            gate=VoiceGateConfig(),
        ),
    )
}


#: Configurations to train and measure under their names. They are listed nowhere and have no weights.
EXPERIMENTS: dict[str, ModelConfig] = {
    config.name: config
    for config in (
        # After MP-SENet with Mamba: attention along frequency, and a branch each for magnitude and phase.
        ModelConfig(
            name="parallel",
            channels=32,
            num_blocks=2,
            codec="separable",
            time=MixerConfig(version=2, expand=2),
            frequency=MixerConfig(version=2, d_conv=3, expand=2, shared_directions=True),
            attention=AttentionConfig(),
            branches=BranchConfig(blocks=1),
        ),
    )
}


def preset(name: str) -> ModelConfig:
    """The configuration of a preset, or of an experiment.

    Raises:
        InputError: there is no such preset.
    """
    found = PRESETS.get(name) or EXPERIMENTS.get(name)
    if found is None:
        raise InputError(f"unknown model '{name}': choose one of {', '.join(PRESETS)}")
    return found

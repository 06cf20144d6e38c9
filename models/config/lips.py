"""Sizes of the path of the lips: encoders, fusion, voice gate; and how long a video frame counts."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from ...errors import InputError

VisualEncoderName = Literal["mobilenet", "conv3d", "landmarks"]
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
#: Seconds from one video frame to the next that a look ahead counts in: those of 25 a second.
VIDEO_FRAME_S = 0.04


def choices(names: object) -> str:
    """The end of an error: what a ``Literal`` allows."""
    return f"choose one of {', '.join(get_args(names))}"


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
    taps: int = 5
    members: int = 3
    memory_ticks: int = 100

    def __post_init__(self) -> None:
        if min(self.channels, self.layers, self.taps, self.members, self.memory_ticks) < 1:
            raise InputError("channels, layers, taps, members and memory_ticks must be at least 1")


@dataclass(frozen=True)
class EarlyConfig:
    """Sizes and parts of the early fusion, see `models.lips.early`.

    Attributes:
        hidden: features of the VCE that hears and sees, from each side.
        taps: frames that the mean of its alpha is over.
        need: whether a sound that needs help lets the lips say more.
        scout_frames: video frames that the VCE looks ahead; the sound waits for them.
    """

    hidden: int = 128
    taps: int = 5
    need: bool = False
    scout_frames: int = 0

    def __post_init__(self) -> None:
        if min(self.hidden, self.taps) < 1 or self.scout_frames < 0:
            raise InputError(
                "hidden and taps of the early fusion must be at least 1, scout_frames at least 0"
            )


@dataclass(frozen=True)
class VisualConfig:
    """The path of the lips into the network.

    The encoders feed a fusion: ``smoothing`` puts the temporal smoother behind the VCE,
    ``frequency_prior`` the learned prior into the FSVG. Without ``vce`` alpha is 1 while the video is fresh,
    without ``fsvg`` the gate is 1 everywhere. ``early`` puts another fusion in its place, with a VCE and an
    FSVG of its own. Of ``landmarks`` a voice gate may take the place of either, see `ModelConfig.gate`.
    """

    encoder: VisualEncoderName = "conv3d"
    embedding_size: int = 512
    lips_size: int = 96
    vce: bool = True
    smoothing: bool = True
    fsvg: bool = True
    frequency_prior: bool = True
    landmarks: LandmarkConfig = field(default_factory=LandmarkConfig)
    early: EarlyConfig | None = None

    def __post_init__(self) -> None:
        if self.smoothing and not self.vce:
            raise InputError("smoothing needs the VCE whose alpha it smooths: set both or neither")
        if self.frequency_prior and not self.fsvg:
            raise InputError("frequency_prior needs the FSVG whose gate it favours: set both or neither")
        if self.encoder not in get_args(VisualEncoderName):
            raise InputError(f"unknown visual encoder '{self.encoder}': {choices(VisualEncoderName)}")
        if self.embedding_size < 1 or self.lips_size < 2:
            raise InputError("embedding_size must be at least 1 and lips_size at least 2")
        if self.encoder == "landmarks" and self.embedding_size != CUE_SIZE:
            raise InputError(f"the encoder of landmarks gives a cue: embedding_size must be {CUE_SIZE}")
        if self.early is not None:
            self._check_early(self.early)

    def _check_early(self, early: EarlyConfig) -> None:
        if self.smoothing or self.frequency_prior:
            raise InputError(
                "smoothing and frequency_prior are of the other fusion: set both to false beside early"
            )
        if early.scout_frames and not self.vce:
            raise InputError("scout_frames are looked at by the VCE: set vce = true, or leave them out")


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

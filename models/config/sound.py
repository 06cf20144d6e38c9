"""Sizes of the network for sound: analysis, level, codecs, mixers, memory, attention."""

from dataclasses import dataclass, field
from typing import Literal

from ...errors import InputError

Codec = Literal["dense", "separable", "band"]
#: The running input level: its time constant in seconds, and its floor in dB of full scale.
LEVEL_TIME_CONSTANT_S, LEVEL_FLOOR_DBFS = 2.0, -75.0
#: The peak that bounds the level is held for so many seconds, and then falls by so many dB a second.
LEVEL_HOLD_S, LEVEL_FALL_DB_S = 0.5, 80.0
#: Samples are limited to this many times full scale (+18 dBFS): beyond what any microphone or mix gives.
SAMPLE_LIMIT = 8.0
#: Convolutions of a dense block, each dilated twice as far as the one before.
DENSE_DEPTH = 4


def level_hold_frames(frames_per_second: float) -> int:
    """For how many frames the peak is held, at least 2: the present one and the one before."""
    return max(2, round(LEVEL_HOLD_S * frames_per_second))


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

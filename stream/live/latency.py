"""What the user may ask of the delay of a live stream, and where that delay comes from."""

from dataclasses import dataclass
from math import isfinite

from ...errors import InputError

#: Sound kept ready beyond what the devices' blocks need, in ms: for the time a hop takes to compute, and for
#: callbacks and threads that come late.
MARGIN_MS = 18.0
LOW_LATENCY_MARGIN_MS = 5.0


@dataclass(frozen=True)
class PipelineConfig:
    """How a live pipeline trades delay for safety.

    Attributes:
        low_latency: keep only 5 ms ready in place of 18.
        max_latency_ms: the most that the program may add to the devices' own latency.
        av_align_ms: hold the sound back by this much, so that its video is there when it is enhanced.
        camera_offset_ms: how much later than the sound of the same moment the camera stamps its picture.

    Raises:
        InputError: a value out of range.
    """

    low_latency: bool = False
    max_latency_ms: float = 250.0
    av_align_ms: float = 0.0
    camera_offset_ms: float = 0.0

    def __post_init__(self) -> None:
        if not (isfinite(self.max_latency_ms) and self.max_latency_ms > 0):
            raise InputError(f"max_latency_ms must be above 0 ms, not {self.max_latency_ms:g}")
        if not 0 <= self.av_align_ms <= 1000:
            raise InputError(f"av_align_ms must be from 0 to 1000 ms, not {self.av_align_ms:g}")
        if not abs(self.camera_offset_ms) <= 1000:
            raise InputError(f"camera_offset_ms must be within 1000 ms of 0, not {self.camera_offset_ms:g}")

    @property
    def margin_ms(self) -> float:
        """Sound kept ready beyond what the devices' blocks need."""
        return LOW_LATENCY_MARGIN_MS if self.low_latency else MARGIN_MS


@dataclass(frozen=True)
class LiveLatency:
    """The delay from mouth to ear by stage, in ms.

    Attributes:
        align_ms: waiting for the video, on request.
        enhancer_ms: the model's window and the resampling around it.
        varispeed_ms: the resampling between the two device clocks.
        buffer_ms: sound kept ready for the output: one of its blocks and a margin.
        input_wait_ms: until the device has filled a block; the longest, which its first sample waits.
        devices_ms: both devices' own latency, beyond the filling of a block.
    """

    align_ms: float
    enhancer_ms: float
    varispeed_ms: float
    buffer_ms: float
    input_wait_ms: float
    devices_ms: float

    @property
    def added_ms(self) -> float:
        """What the program adds to a wire through the same devices.

        A wire hands each block on when the device has filled it, so that wait is the device's.
        """
        return self.align_ms + self.enhancer_ms + self.varispeed_ms + self.buffer_ms

    @property
    def total_ms(self) -> float:
        """From the capture of a sample to its sound."""
        return self.added_ms + self.input_wait_ms + self.devices_ms

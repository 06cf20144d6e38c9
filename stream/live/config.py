"""What a live session is asked to do, checked once."""

from dataclasses import dataclass
from math import inf
from pathlib import Path

from ...errors import InputError
from ..camera_names import Camera
from ..enhancer import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE, NO_LIMIT_DB
from ..runtimes import AUTO
from .latency import PipelineConfig

#: A device (index, name or part of its name) or a file.
Place = int | str | Path


@dataclass(frozen=True)
class LiveConfig:
    """Everything that is decided before a session starts; what may change later is a property of the session.

    Attributes:
        input: microphone as index, name or part of a name; a `Path` is a file that is played; None: the
            system's default.
        output: the same for what is given; a `Path` is a file that is written.
        channel: channel of the input to use, from 1; None: the first of a file, all of a device mixed.
        sample_rate: rate of the devices in Hz; None: their own.
        block: samples of the devices' blocks; None: 10 ms.
        camera: index, URL or video file; None: no video.
        face_model: path of ``face_landmarker.task``; None finds or fetches it.
        model: name of a preset.
        runtime: name of a runtime; "auto": the fastest that starts at once.
        atten_limit_db: as for `Enhancer`, at the start.
        low_latency: smaller buffers: at most 45 ms added, for computers that keep up without a pause.
        max_latency_ms: the most that the program may add; sound that would come later is dropped.
        av_align_ms: hold the sound back by this many ms so that its lips are there in time; 0: never wait.
        virtual_mic: give the output to other programs as a microphone (Linux).
        record: folder for a recording; None: none.
        duration_s: end by itself after so many seconds.

    Raises:
        InputError: a value out of range, or two that exclude each other.
    """

    input: Place | None = None
    output: Place | None = None
    channel: int | None = None
    sample_rate: int | None = None
    block: int | None = None
    camera: Camera | None = None
    face_model: Path | None = None
    model: str = "lite"
    runtime: str = AUTO
    atten_limit_db: float = NO_LIMIT_DB
    low_latency: bool = False
    max_latency_ms: float = PipelineConfig.max_latency_ms
    av_align_ms: float = 0.0
    virtual_mic: bool = False
    record: Path | None = None
    duration_s: float = inf

    def __post_init__(self) -> None:
        if self.channel is not None and self.channel < 1:
            raise InputError(f"channels count from 1, so there is no channel {self.channel}")
        rate = self.sample_rate
        if rate is not None and not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE:
            raise InputError(f"the rate must be from {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} Hz, not {rate}")
        if self.block is not None and not 1 <= self.block <= 8192:
            raise InputError(f"a block must be from 1 to 8192 samples, not {self.block}")
        if not self.duration_s > 0:
            raise InputError(f"the duration must be above 0 s, not {self.duration_s:g}")
        self.pipeline()  # which checks the latencies
        if self.virtual_mic and self.output is not None:
            raise InputError("the virtual microphone is an output of its own: leave the output away")
        if isinstance(self.output, Path) and self.output == self.input:
            raise InputError(f"{self.output} is the input as well: choose another output")

    def pipeline(self, camera_offset_ms: float = 0.0) -> PipelineConfig:
        """The part of it that is about delay, with how late the camera's pictures are."""
        return PipelineConfig(self.low_latency, self.max_latency_ms, self.av_align_ms, camera_offset_ms)

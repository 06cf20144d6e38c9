"""What a live session is asked to do, checked once; and what may be asked of its delay."""

from dataclasses import dataclass, field
from math import inf, isnan
from pathlib import Path

from ...core.options import check_ranges, option, same_as, within
from ...errors import InputError
from ..controls import NO_LIMIT_DB
from ..defaults import AUTO, DEFAULT_MODEL, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE, AvOffset
from ..video.camera.names import Camera

#: Buffered audio beyond what the devices' blocks need, in ms: for the time a hop takes to compute, and for
#: callbacks and threads that come late.
MARGIN_MS = 18.0
LOW_LATENCY_MARGIN_MS = 5.0
#: In place of the name of an output: the one that is the system's default when the session starts.
DEFAULT_OUTPUT = "default"


@dataclass(frozen=True)
class PipelineConfig:
    """How a live pipeline trades delay for safety.

    Attributes:
        low_latency: buffer a margin of only 5 ms in place of 18.
        max_latency_ms: the most that the program may add to the devices' own latency.
        av_align_ms: hold the sound back by this much, so that its video is there when it is enhanced.
        camera_offset_ms: how much later than the sound of the same moment the camera stamps its video.

    Raises:
        InputError: a value out of range.
    """

    low_latency: bool = False
    max_latency_ms: float = field(default=250.0, metadata=within(above=0, most=60_000, unit="ms"))
    av_align_ms: float = field(default=0.0, metadata=within(0, 1000, unit="ms"))
    camera_offset_ms: float = field(default=0.0, metadata=within(-1000, 1000, unit="ms"))

    def __post_init__(self) -> None:
        check_ranges(self)

    @property
    def margin_ms(self) -> float:
        """Buffered audio beyond what the devices' blocks need."""
        return LOW_LATENCY_MARGIN_MS if self.low_latency else MARGIN_MS


@dataclass(frozen=True)
class LiveLatency:
    """The delay from mouth to ear by stage, in ms.

    Attributes:
        align_ms: waiting for the video, on request.
        enhancer_ms: the model's window and the resampling around it.
        varispeed_ms: the resampling between the two device clocks.
        buffer_ms: buffered audio for the output: one of its blocks and a margin; NaN while that is not known,
            and with it the sums, because a device does not run, or not for long enough.
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

    @property
    def known(self) -> bool:
        """Whether all stages are known."""
        return not isnan(self.added_ms)

    def text(self) -> str:
        """Stage by stage, for the user."""
        if not self.known:
            return "unknown"
        stages = {
            "video": self.align_ms,
            "enhancer": self.enhancer_ms,
            "varispeed": self.varispeed_ms,
            "buffer": self.buffer_ms,
        }
        parts = " + ".join(f"{name} {ms:.1f}" for name, ms in stages.items() if ms)
        devices_ms = self.input_wait_ms + self.devices_ms
        return f"{self.added_ms:.1f} ms added ({parts}), devices {devices_ms:.0f} ms"


#: A device (index, name or part of its name) or a file.
EndpointName = int | str | Path


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
        camera: index, URL or video file; None: audio only.
        face_model: path of ``face_landmarker.task``; None finds or fetches it.
        model: a preset, a model folder or an id of the Hub, as for `Enhancer`.
        runtime: name of a runtime; "auto": the fastest that starts at once.
        atten_limit_db: as for `Enhancer`, at the start.
        low_latency: smaller buffers: at most 45 ms added, for computers that keep up without a pause.
        max_latency_ms: the most that the program may add; sound that would come later is dropped.
        av_align_ms: hold the sound back by this many ms so that its lips are there in time; 0: never wait.
        av_offset_ms: how late the camera is, in ms; "auto": as lips and sound tell while it runs, from what
            `lipstream calibrate` measured on; None: as that measured it.
        virtual_mic: give the output to other programs as a microphone (Linux): True, or the name of it, of
            which each session needs its own.
        record: folder for a recording; None: none.
        duration_s: end by itself after so many seconds.

    Raises:
        InputError: a value out of range, or two that exclude each other.
    """

    input: EndpointName | None = None
    output: EndpointName | None = None
    channel: int | None = field(default=None, metadata=within(1))
    sample_rate: int | None = field(
        default=None, metadata=within(MIN_SAMPLE_RATE, MAX_SAMPLE_RATE, unit="Hz")
    )
    block: int | None = field(default=None, metadata=within(1, 8192, unit="samples"))
    camera: Camera | None = None
    face_model: Path | None = None
    model: str = DEFAULT_MODEL
    runtime: str = AUTO
    atten_limit_db: float = NO_LIMIT_DB
    low_latency: bool = False
    max_latency_ms: float = same_as(PipelineConfig, "max_latency_ms")
    av_align_ms: float = same_as(PipelineConfig, "av_align_ms")
    av_offset_ms: AvOffset | None = None
    virtual_mic: bool | str = False
    record: Path | None = field(
        default=None,
        metadata=option("write noisy.wav, clean.wav and the lips into a new folder", "DIR", group="records"),
    )
    duration_s: float = field(
        default=inf,
        metadata=option(
            "end after so many seconds (default: {default})",
            "S",
            "--duration",
            show=lambda seconds: "never",
            group="records",
        )
        | within(above=0, unit="s"),
    )

    def __post_init__(self) -> None:
        check_ranges(self)
        if isinstance(self.av_offset_ms, str) and self.av_offset_ms != AUTO:
            raise InputError(f"av_offset_ms must be a number of ms or 'auto', not {self.av_offset_ms!r}")
        self.pipeline(0.0 if isinstance(self.av_offset_ms, str) else self.av_offset_ms or 0.0)  # checks all
        if self.virtual_mic and self.output is not None:
            raise InputError("the virtual microphone is an output of its own: leave the output away")
        if isinstance(self.output, Path) and self.output == self.input:
            raise InputError(f"{self.output} is the input as well: choose another output")

    def pipeline(self, camera_offset_ms: float = 0.0) -> PipelineConfig:
        """The part of it that is about delay, with how late the camera is."""
        return PipelineConfig(self.low_latency, self.max_latency_ms, self.av_align_ms, camera_offset_ms)

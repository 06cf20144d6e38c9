"""The heart of a live stream: microphone blocks in, clean blocks out, whatever the clocks do."""

from collections.abc import Callable
from dataclasses import replace
from math import ceil, inf, nan
from typing import Protocol

from ...core.arrays import Float32
from ...errors import InputError
from ..devices.endpoints import EndpointInfo
from ..dsp.clock import Clock, MonotonicClock
from ..dsp.varispeed import VariableResampler
from ..enhancer import Enhancer
from ..video.frames import LipFrame
from .buffers.capture import CaptureBuffer
from .buffers.control import BufferControl
from .buffers.estimate import BufferedAudio
from .buffers.playback import PlaybackBuffer
from .config import LiveLatency, PipelineConfig
from .stats import HopTimes, LevelMeter, PipelineStats

__all__ = ["LipsSource", "LivePipeline", "PipelineConfig"]


#: A block comes up to so many seconds off its time on a calm computer: then the worker looks for it,
LATENESS_S = 0.001
#: and again as often: a small part of a hop.
POLL_S = 0.002


#: See `LivePipeline.on_enhanced`.
OnEnhanced = Callable[[Float32, Float32, LipFrame | None], object]


class LipsSource(Protocol):
    """Where the newest lips are found: a `LipsMailbox`."""

    def newest_since(self, sequence: int) -> LipFrame | None:
        """The newest lips, encoded, if they are newer than this sequence number."""
        ...


class LivePipeline:
    """Carries audio from a source to a sink through an `Enhancer`; has no thread of its own.

    Four callers share the work, each always the same thread (or all one, in a simulation): the source calls
    `capture`, the sink `render`, a worker `work` as often as there may be something, a monitor `tick` one to
    ten times a second. The first two only copy and count, and nobody waits for anybody, but that with
    ``threads`` a sink about to break off gives the worker a moment.

    The two devices run on clocks of their own. A loop on each device's callbacks estimates how much audio is
    buffered, and resampling on the way out holds that at its target. Audio that piled up in a stall is
    dropped; an underrun is concealed, counted, and ends with the delay back at its target.

    Args:
        enhancer: at the source's rate; belongs to the worker from now on.
        source_info: of the source that will call `capture`.
        sink_info: of the sink that will call `render`.
        config: how delay is traded for safety.
        clock: the one all times are by.
        threads: whether the callers are threads, each its own.

    Attributes:
        controls: the enhancer's; `mute` counts here.
        lips: where the worker finds the newest lips; None: audio only.
        on_enhanced: the observer, called by the worker with what went into the enhancer, float32 ``[n]``,
            what came out, float32 ``[n]``, and the lips that it got before, if any.

    Raises:
        InputError: the enhancer is made for another rate, or the devices' blocks alone need more than the
            latency allowed.
    """

    def __init__(
        self,
        enhancer: Enhancer,
        source_info: EndpointInfo,
        sink_info: EndpointInfo,
        config: PipelineConfig | None = None,
        clock: Clock | None = None,
        threads: bool = False,
    ) -> None:
        if enhancer.sample_rate != source_info.rate:
            raise InputError(
                f"the enhancer is made for {enhancer.sample_rate} Hz and {source_info.name} gives "
                f"{source_info.rate} Hz: make it with sample_rate={source_info.rate}"
            )
        self._enhancer = enhancer
        self.controls = enhancer.controls
        self._config = config or PipelineConfig()
        self._clock = clock or MonotonicClock()
        self._buffered = BufferedAudio(source_info.rate, sink_info.rate)
        self._varispeed = VariableResampler(source_info.rate, sink_info.rate)
        self._capture = CaptureBuffer(
            source_info,
            self._clock,
            self._buffered,
            held_back=round(self._config.av_align_ms * source_info.rate / 1000),
            most_waiting=round(self._config.max_latency_ms * source_info.rate / 1000),
            piece=enhancer.latency.hop,
        )
        self._playback = PlaybackBuffer(
            sink_info, self._clock, self._buffered, self.controls, patient=threads
        )
        self._enhanced = 0
        self._lips_sequence, self._lips_s = -1, -inf
        self._levels = LevelMeter(source_info.rate), LevelMeter(source_info.rate)
        self._hop_times = HopTimes(enhancer.latency.hop, source_info.rate)
        self.lips: LipsSource | None = None
        self.on_enhanced: OnEnhanced | None = None
        self._control = BufferControl(
            self._buffered,
            self._capture,
            self._playback,
            self._clock,
            margin_s=self._config.margin_ms / 1000,
            most_s=(self._config.max_latency_ms - self._stages(0.0).added_ms) / 1000,
            same_clock=source_info.clock == sink_info.clock,
        )
        _check_latency(self.latency, self._config)

    def capture(self, block: Float32, time_s: float) -> None:
        """Take a block from the source: its `Deliver`."""
        self._capture.capture(block, time_s)

    def render(self, block: Float32, time_s: float) -> None:
        """Fill a block for the sink: its `Render`."""
        self._playback.render(block, time_s)

    def work(self) -> int:
        """Enhance all that waits.

        Returns:
            The number of samples done.

        Raises:
            Exception: whatever the enhancer raised. The samples it was about are lost; the next turn
                goes on behind them.
        """
        waiting = self._capture.waiting
        done = 0
        while done < waiting:
            samples = self._capture.take()
            if not len(samples):
                break
            self._enhance(samples)
            done += len(samples)
        return done

    @property
    def idle_s(self) -> float:
        """Seconds for the worker to pause now: until the next block is due, or a little if it is late."""
        due_s = self._capture.next_s - self._clock.now() + LATENESS_S
        return POLL_S if self._capture.waiting else max(POLL_S, due_s)

    def tick(self) -> None:
        """Hold the delay at its target: control drift, and cut audio that has piled up."""
        self._control.tick()

    @property
    def latency(self) -> LiveLatency:
        """The delay declared: what it is unless repeated underruns have raised the target."""
        return self._stages(self._control.least_s - self._capture.block_s)

    def stats(self) -> PipelineStats:
        """How it goes."""
        now_s = self._clock.now()
        buffered_s = self._buffered.seconds(now_s) if self._buffered.settled(now_s) else nan
        median_ms, worst_ms = self._hop_times.percentiles_ms()
        return PipelineStats(
            input_dbfs=self._levels[0].dbfs,
            output_dbfs=self._levels[1].dbfs,
            alpha=self._enhancer.alpha,
            hop_p50_ms=median_ms,
            hop_p99_ms=worst_ms,
            rtf=self._hop_times.rtf,
            input_overflows=self._capture.overflows,
            input_damaged=self._capture.damaged,
            output_underruns=self._playback.underruns,
            latency_cuts=self._control.cuts + self._playback.trims,
            drift_ppm=self._control.drift_ppm,
            fill_ms=1000 * buffered_s,
            target_ms=1000 * self._buffered.target_s,
            latency=self._stages(buffered_s - self._capture.block_s),
        )

    def _stages(self, buffer_s: float) -> LiveLatency:
        """The delay by stage with so much audio buffered for the output."""
        return LiveLatency(
            align_ms=self._config.av_align_ms,
            enhancer_ms=self._enhancer.latency.ms,
            varispeed_ms=1000 * self._varispeed.delay_s,
            buffer_ms=1000 * buffer_s,
            input_wait_ms=1000 * self._capture.block_s,
            devices_ms=1000 * (self._capture.device_s + self._playback.device_s),
        )

    def _enhance(self, samples: Float32) -> None:
        """Carry samples from the capture buffer to the playback buffer."""
        began_s = self._clock.now()
        lips = self._new_lips(len(samples))
        enhanced = self._enhancer.process(samples, [lips] if lips else None)
        self._hop_times.add(len(samples), self._clock.now() - began_s)
        self._playback.put(self._varispeed.process(enhanced, self._control.ratio))
        self._buffered.passed(self._capture.read, self._playback.written)
        self._enhanced += len(samples)
        if self.on_enhanced is not None:
            self.on_enhanced(samples, enhanced, lips)
        self._levels[0].update(samples)
        self._levels[1].update(enhanced)

    def _new_lips(self, taken: int) -> LipFrame | None:
        """The lips that came since the last turn, their time in the enhancer's stream.

        Args:
            taken: samples that left the capture buffer and have yet to go into the enhancer.
        """
        frame = self.lips.newest_since(self._lips_sequence) if self.lips else None
        if frame is None:
            return None
        self._lips_sequence = frame.sequence
        captured = self._capture.captured_by(frame.time_s - self._config.camera_offset_ms / 1000)
        dropped = self._capture.read - taken - self._enhanced
        # Never back in time: the clock's estimate may move by more than there is between two frames.
        self._lips_s = max(self._lips_s, (captured - dropped) / self._enhancer.sample_rate)
        return replace(frame, time_s=self._lips_s)


def _check_latency(latency: LiveLatency, config: PipelineConfig) -> None:
    if latency.added_ms > config.max_latency_ms:
        raise InputError(
            f"a latency of {config.max_latency_ms:g} ms is too little for these devices: allow at least "
            f"{ceil(latency.added_ms)} ms, or use smaller blocks"
        )

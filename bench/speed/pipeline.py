"""From mouth to ear and from camera to alpha: the delays of a live stream, found by sounds and video frames.

The live pipeline runs between simulated devices in simulated time, where hops take as long as they were
measured to take. Chirps go in; when they come out tells the delay, whatever the budget says.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...core.arrays import Float32
from ...stream.devices.endpoints import EndpointInfo
from ...stream.dsp.clock import ManualClock
from ...stream.dsp.varispeed import VariableResampler
from ...stream.enhancer import Enhancer
from ...stream.live.config import LiveLatency
from ...stream.live.pipeline import LivePipeline, PipelineConfig
from ...stream.live.simulation import DeviceTiming, SimulatedSink, SimulatedSource, run_simulated
from ...stream.runtimes import Runtime, chosen_runtime, load_runtime
from ..machine import Machine, fingerprint
from ..output import format_table
from .measurements import LEVEL, Measurement, StepTimes, measure_video_frames, time_calls
from .simulated_camera import CameraDelays, SimulatedCamera, Witness

#: The devices: rate in Hz, samples a block, and what they hold back themselves on each side, in seconds.
RATE, BLOCK, DEVICE_S = 48_000, 480, 0.01
#: Callbacks come late by up to this, in seconds; the output's clock runs so much fast, in parts a million.
JITTER_S, DRIFT_PPM = 0.001, 50.0
#: When the first chirp sounds (the loops that follow the clocks have settled), and the time between two.
FIRST_CHIRP_S, CHIRP_EVERY_S = 10.0, 0.5
#: Chirps pass the network's path nearly as they are; a bypass would go round it.
_LIMIT_DB = 0.1
#: A chirp: seconds, and the frequencies it runs through, in Hz.
CHIRP_S, CHIRP_HZ = 0.03, (300.0, 6000.0)
#: The simulated webcam hands a frame over so long after its moment: exposure, transfer, decoding. Typical.
CAMERA_S = 0.06
#: The same in words.
DEVICES = (
    f"Devices are simulated: {RATE} Hz, blocks of {1e3 * BLOCK / RATE:g} ms, {1e3 * DEVICE_S:g} ms of their "
    f"own each,\nclocks {DRIFT_PPM:g} ppm apart, callbacks up to {1e3 * JITTER_S:g} ms late."
)


@dataclass(frozen=True)
class Setting:
    """The pipeline with one setting.

    Attributes:
        name: of the setting.
        declared: the budget, by stage.
        enhancer_ms, varispeed_ms: these stages as a chirp finds them alone.
        buffer_ms: buffered audio, mean over the chirps' time as the pipeline tells it.
        heard_ms: delay of each chirp from mouth to ear.
        underruns: times that the output ran dry.
        camera: from camera to alpha.
    """

    name: str
    declared: LiveLatency
    enhancer_ms: float
    varispeed_ms: float
    buffer_ms: float
    heard_ms: Sequence[float]
    underruns: int
    camera: CameraDelays


@dataclass(frozen=True)
class PipelineReport:
    """Delays of a live stream of a model, with simulated devices.

    Attributes:
        machine: what the times of hops were measured on.
        model, runtime: their names.
        block: times of `Enhancer.process` with a device's block, at the devices' rate.
        video_frame: times of the visual encoder.
        settings: the default and low latency.
    """

    machine: Machine
    model: str
    runtime: str
    block: StepTimes
    video_frame: StepTimes
    settings: Sequence[Setting]

    def text(self) -> str:
        """The machine, what was simulated, a table of stages and one of the camera."""
        took = (
            f"A block takes {self.block.p50_ms:.2f} ms at the median, which is simulated, a video frame "
            f"{self.video_frame.p50_ms:.2f} ms."
        )
        parts = [
            self.machine.describe(),
            f"{self.model} on {self.runtime}. {DEVICES}\n{took}",
            self._stages(),
            self._camera(),
        ]
        return "\n\n".join(parts)

    def measurements(self) -> Iterator[Measurement]:
        """The delays of each setting, and the time of a block."""
        name = f"pipeline.{self.model}.{self.runtime}"
        yield Measurement(f"{name}.block.p50", self.block.p50_ms, "ms", self.block.p50_noise_percent)
        for setting in self.settings:
            yield Measurement(
                f"{name}.{setting.name}.heard", float(np.mean(setting.heard_ms)), "ms", NOISE_PERCENT
            )
            yield Measurement(f"{name}.{setting.name}.alpha", setting.camera.to_alpha_ms, "ms", NOISE_PERCENT)

    def _stages(self) -> str:
        headers = ["mouth to ear, ms", *(f"{s.name}\n{kind}" for s in self.settings for kind in KINDS)]
        columns = [column for setting in self.settings for column in _stage_columns(setting)]
        return format_table(headers, [list(row) for row in zip(STAGES, *columns, strict=True)])

    def _camera(self) -> str:
        headers = ["camera to alpha, ms", *(setting.name for setting in self.settings)]
        names = (
            "frame to hop, median",
            "frame to hop, most",
            "its age when first used",
            "mean age in use",
        )
        rows = [
            [name, *(f"{value:.1f}" for value in values)]
            for name, values in zip(
                names,
                zip(*(setting.camera.values_ms() for setting in self.settings), strict=True),
                strict=True,
            )
        ]
        return f"The camera hands a frame over after {1e3 * CAMERA_S:g} ms.\n{format_table(headers, rows)}"


STAGES = (
    "enhancer: window, resampling",
    "two clocks: resampling",
    "buffered audio",
    "filling of an input block",
    "devices",
    "from mouth to ear",
    "from mouth to ear, spread",
    "of it added by lipstream",
    "underruns",
)
KINDS = ("declared", "measured")
#: The simulation repeats, but for the time of a hop that goes into it.
NOISE_PERCENT = 2.0


def _stage_columns(setting: Setting) -> list[list[str]]:
    declared, heard = setting.declared, setting.heard_ms
    said = [declared.enhancer_ms, declared.varispeed_ms, declared.buffer_ms, declared.input_wait_ms]
    said += [declared.devices_ms, declared.total_ms]
    outside = declared.input_wait_ms + declared.devices_ms
    total = float(np.mean(heard))
    return [
        [*(f"{value:.1f}" for value in said), "-", f"{declared.added_ms:.1f}", "0"],
        [
            *(f"{value:.1f}" for value in (setting.enhancer_ms, setting.varispeed_ms, setting.buffer_ms)),
            *["-"] * 2,
            f"{total:.1f}",
            f"{max(heard) - min(heard):.1f}",
            f"{total - outside:.1f}",
            str(setting.underruns),
        ],
    ]


def measure_pipeline(model: str, runtime: str, chirps: int = 8) -> PipelineReport:
    """Time the enhancer on a device's blocks, then find the delays of the simulated stream.

    Args:
        model: name of a preset whose weights ship.
        runtime: name of a runtime, or "auto".
        chirps: how many to send for each setting.

    Raises:
        InputError: unknown model or runtime, or one that cannot run here.
    """
    machine = fingerprint()
    runtime = chosen_runtime(model, runtime)
    loaded = load_runtime(model, runtime)
    block = _time_blocks(loaded)
    video_frame = measure_video_frames(loaded, 50)
    turn_s, camera_s = 1e-3 * block.p50_ms, CAMERA_S + 1e-3 * video_frame.p50_ms
    settings = [
        _listen(name, PipelineConfig(low_latency=low), loaded, chirps, turn_s, camera_s)
        for name, low in (("default", False), ("low_latency", True))
    ]
    return PipelineReport(machine, model, runtime, block, video_frame, settings)


def _time_blocks(runtime: Runtime, blocks: int = 300) -> StepTimes:
    enhancer = Enhancer(sample_rate=RATE, runtime=runtime)
    noise = (LEVEL * np.random.default_rng(0).standard_normal((64, BLOCK))).astype(np.float32)
    seconds = time_calls(lambda index: enhancer.process(noise[index % 64]), blocks, time.perf_counter)
    return StepTimes.of(seconds, BLOCK / RATE)


def _listen(
    name: str, config: PipelineConfig, runtime: Runtime, chirps: int, turn_s: float, camera_s: float
) -> Setting:
    """Run a stream with this setting, chirps in its microphone and a face before its camera."""
    clock = ManualClock()
    heard_by = EndpointInfo("microphone", RATE, BLOCK, DEVICE_S, "microphone's")
    played_by = EndpointInfo("speaker", RATE, BLOCK, DEVICE_S, "speaker's")
    source = SimulatedSource(heard_by, clock, _chirps, DeviceTiming(jitter_s=JITTER_S))
    timing = DeviceTiming(ppm=DRIFT_PPM, jitter_s=JITTER_S)
    sink = SimulatedSink(played_by, clock, timing, keep_from_s=FIRST_CHIRP_S)
    witness = Witness(runtime, clock, from_s=FIRST_CHIRP_S)
    # So limited, the model's path gives nearly what it heard, as late as ever.
    enhancer = Enhancer(sample_rate=RATE, runtime=witness, atten_limit_db=_LIMIT_DB)
    pipeline = LivePipeline(enhancer, heard_by, played_by, config, clock)
    pipeline.lips = SimulatedCamera(clock, witness.spec, camera_s)
    buffer_ms: list[float] = []
    run_simulated(
        pipeline,
        source,
        sink,
        clock,
        FIRST_CHIRP_S + chirps * CHIRP_EVERY_S,
        turn_s=turn_s,
        each_tick=lambda: buffer_ms.append(pipeline.stats().latency.buffer_ms),
    )
    times_s, played = sink.times_s, sink.played
    onsets = FIRST_CHIRP_S + CHIRP_EVERY_S * np.arange(chirps)
    alone = Enhancer(sample_rate=RATE, runtime=runtime, atten_limit_db=_LIMIT_DB)
    varispeed = VariableResampler(RATE, RATE)
    return Setting(
        name=name,
        declared=pipeline.latency,
        enhancer_ms=_delay_ms(alone.process),
        varispeed_ms=_delay_ms(varispeed.process),
        buffer_ms=float(np.mean(buffer_ms[round(FIRST_CHIRP_S * 10) :])),
        heard_ms=[1e3 * (_found_s(times_s, played, onset) - float(onset)) for onset in onsets],
        underruns=pipeline.stats().output_underruns,
        camera=witness.delays(),
    )


def _chirps(times_s: npt.NDArray[np.float64]) -> Float32:
    """A chirp at `FIRST_CHIRP_S` and every `CHIRP_EVERY_S` after it; as a function of time in seconds."""
    since = np.where(times_s < FIRST_CHIRP_S, -1.0, (times_s - FIRST_CHIRP_S) % CHIRP_EVERY_S)
    low, high = CHIRP_HZ
    phase = 2 * np.pi * (low * since + (high - low) / (2 * CHIRP_S) * since**2)
    window = np.where((since >= 0) & (since < CHIRP_S), np.sin(np.pi * since / CHIRP_S) ** 2, 0.0)
    return (0.5 * window * np.sin(phase)).astype(np.float32)


def _found_s(times_s: npt.NDArray[np.float64], played: Float32, onset_s: float) -> float:
    """When the chirp that began at a time is heard to begin, by matched filter."""
    template = _chirps(FIRST_CHIRP_S + np.arange(round(CHIRP_S * RATE)) / RATE)
    near = (times_s >= onset_s) & (times_s < onset_s + CHIRP_EVERY_S)
    return float(times_s[near][np.argmax(np.correlate(played[near], template, "valid"))])


def _delay_ms(process: Callable[[Float32], Float32]) -> float:
    """How late a chirp comes out of a stage that takes blocks, what it holds back included."""
    times_s = FIRST_CHIRP_S + np.arange(round(CHIRP_EVERY_S * RATE)) / RATE
    out = np.concatenate([process(block) for block in _chirps(times_s).reshape(-1, BLOCK)])
    held_s = (len(times_s) - len(out)) / RATE
    return 1e3 * (_found_s(times_s[: len(out)], out, FIRST_CHIRP_S) - FIRST_CHIRP_S + held_s)

"""A live stream in simulated time, to be set up in one line."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lipstream import Enhancer
from lipstream.core.arrays import Float32, UInt8
from lipstream.core.buffers import SampleFifo
from lipstream.stream.devices.endpoints import EndpointInfo
from lipstream.stream.dsp.clock import ManualClock
from lipstream.stream.latency import LatencyBudget
from lipstream.stream.lips_input import Lips
from lipstream.stream.live.pipeline import LivePipeline, PipelineConfig
from lipstream.stream.live.simulation import DeviceTiming, SimulatedSink, SimulatedSource, run_simulated
from lipstream.stream.live.stats import PipelineStats
from lipstream.stream.runtimes.base import Runtime, StreamSpec


def tone(times_s: npt.NDArray[np.float64]) -> Float32:
    return (0.5 * np.sin(2 * np.pi * 440 * times_s)).astype(np.float32)


class Wire:
    """A runtime that only delays, as cheap as can be."""

    def __init__(self) -> None:
        self.spec = StreamSpec("wire", 16_000, 400, 200, 512, 96)
        self.state_bytes = 0
        self.reset()

    def reset(self) -> None:
        self._last = np.zeros(self.spec.hop_samples, np.float32)

    def process_hop(
        self, hop: Float32, embedding: Float32, video_age_s: float, dry: float
    ) -> tuple[Float32, float]:
        last, self._last = self._last, hop
        return last, 0.0

    def encode_lips(self, crop: UInt8) -> Float32:
        return np.zeros(self.spec.embedding_size, np.float32)

    def see(self, landmarks: Float32, age_s: float) -> Float32:
        return np.zeros(self.spec.embedding_size, np.float32)


class SlowRateEnhancer(Enhancer):
    """Delays by a window, at 1 kHz: of an hour remains what the clocks do, and that in seconds."""

    def __init__(self) -> None:
        super().__init__(runtime=Wire())
        self._sample_rate = 1_000
        self._latency = LatencyBudget(1_000, window=800, hop=400, lookahead=0, resampler=0)
        self._waiting = SampleFifo(4_000)
        self._waiting.push(np.zeros(800, np.float32))

    def process(self, chunk: Float32, lips: Lips | None = None) -> Float32:
        self._waiting.push(chunk)
        delayed = self._waiting.view()[: len(chunk)].copy()
        self._waiting.drop(len(chunk))
        return delayed


@dataclass
class Simulation:
    """A pipeline between a simulated source and a simulated sink, and what it told at each tick."""

    pipeline: LivePipeline
    source: SimulatedSource
    sink: SimulatedSink
    clock: ManualClock
    times_s: list[float] = field(default_factory=list)
    stats: list[PipelineStats] = field(default_factory=list)

    def run(self, until_s: float, **options: Any) -> "Simulation":
        def look() -> None:
            self.times_s.append(self.clock.now())
            self.stats.append(self.pipeline.stats())

        run_simulated(self.pipeline, self.source, self.sink, self.clock, until_s, each_tick=look, **options)
        return self

    def errors_ms(self, from_s: float, to_s: float = np.inf) -> npt.NDArray[np.float64]:
        """How far from its target the buffered audio was at each tick of a span."""
        spans = zip(self.times_s, self.stats, strict=True)
        return np.array([s.fill_ms - s.target_ms for time_s, s in spans if from_s <= time_s < to_s])


@pytest.fixture(scope="session")
def simulate() -> Callable[..., Simulation]:
    """Makes a `Simulation`; by default 16 kHz in blocks of 10 ms, two clocks, and a 440 Hz tone."""

    def make(
        rate: int = 16_000,
        block: int = 160,
        sink_rate: int | None = None,
        sink_block: int | None = None,
        source_timing: DeviceTiming | None = None,
        sink_timing: DeviceTiming | None = None,
        config: PipelineConfig | None = None,
        signal: Callable[[npt.NDArray[np.float64]], Float32] = tone,
        runtime: Runtime | None = None,
        enhancer: Enhancer | None = None,
        keep_from_s: float = 0.0,
        sink_clock: str = "of its own",
    ) -> Simulation:
        clock = ManualClock()
        heard = EndpointInfo("microphone", rate, block, 0.02, "microphone's")
        played = EndpointInfo("speaker", sink_rate or rate, sink_block or block, 0.03, sink_clock)
        source = SimulatedSource(heard, clock, signal, source_timing)
        sink = SimulatedSink(played, clock, sink_timing, keep_from_s)
        enhancer = enhancer or Enhancer(sample_rate=rate, runtime=runtime or Wire())
        return Simulation(LivePipeline(enhancer, heard, played, config, clock), source, sink, clock)

    return make


@pytest.fixture
def slow_rate_enhancer() -> Enhancer:
    """For sound at 1 kHz, which no real one takes."""
    return SlowRateEnhancer()

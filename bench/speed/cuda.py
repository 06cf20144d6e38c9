"""A hop on an NVIDIA GPU: as one captured graph, kernel by kernel, and what memory bandwidth would allow."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from ...models.store.checkpoint import load_model
from ...models.wave import WaveModel
from ...stream.runtimes.captured import CapturedRuntime
from ...stream.runtimes.cuda_graph import CudaGraphCapture
from ..machine import Machine, fingerprint
from ..output import format_table
from .measurements import Measurement, StepTimes, measure_hops, spread_percent, time_calls
from .network.complexity import hop_bytes

#: Bytes of the copies that the bandwidth is measured with, far beyond any cache; the fastest of some counts.
COPIED_BYTES, COPIES = 2**28, 20


@dataclass(frozen=True)
class CudaTimes:
    """A model on a GPU.

    Attributes:
        device: its name.
        graph: `Runtime.process_hop` of the runtime ``cuda-graph``, copies to and from the GPU included.
        replay_us: median time of the graph alone, between two CUDA events.
        replay_noise_percent: how far it moved while it was measured.
        eager: the same step launched kernel by kernel, tensors on the GPU, until the GPU is done.
        moved_bytes: see `complexity.hop_bytes`.
        bytes_per_second: read and written by copies inside the GPU's memory.
    """

    device: str
    graph: StepTimes
    replay_us: float
    replay_noise_percent: float
    eager: StepTimes
    moved_bytes: int
    bytes_per_second: float

    @property
    def roofline_us(self) -> float:
        """The time to move what a hop must move."""
        return 1e6 * self.moved_bytes / self.bytes_per_second


@dataclass(frozen=True)
class CudaReport:
    """A model on the GPU of this machine; ``times`` is None where torch finds none."""

    machine: Machine
    model: str
    times: CudaTimes | None

    def text(self) -> str:
        """The machine and a table, or that there is no GPU."""
        head = f"{self.machine.describe()}\n\n{self.model} on CUDA: "
        times = self.times
        if times is None:
            return f"{head}not measured: torch finds no NVIDIA GPU here"
        rows = [
            ["a hop from host to host, captured graph", f"{1e3 * times.graph.p50_ms:.1f}"],
            ["its 99th percentile", f"{1e3 * times.graph.p99_ms:.1f}"],
            ["the graph alone, by CUDA events", f"{times.replay_us:.1f}"],
            ["a hop launched kernel by kernel", f"{1e3 * times.eager.p50_ms:.1f}"],
            ["roofline: bytes over bandwidth", f"{times.roofline_us:.1f}"],
        ]
        moved = f"{times.moved_bytes / 1e6:.2f} MB a hop, {times.bytes_per_second / 1e9:.0f} GB/s"
        return f"{head}{times.device}, {moved}\n\n{format_table(['', 'us'], rows)}"

    def measurements(self) -> Iterator[Measurement]:
        """The times of a hop, where they were measured."""
        if self.times is not None:
            times, name = self.times, f"cuda.{self.model}"
            yield Measurement(f"{name}.graph.p50", times.graph.p50_ms, "ms", times.graph.p50_noise_percent)
            yield Measurement(f"{name}.replay", times.replay_us, "us", times.replay_noise_percent)
            yield Measurement(f"{name}.eager.p50", times.eager.p50_ms, "ms", times.eager.p50_noise_percent)


class _TimedCapture(CudaGraphCapture):
    """Puts CUDA events around every replay; the first call that is recorded is the hop."""

    def __init__(self) -> None:
        super().__init__()
        self._events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    def record(self, work: Callable[[], object]) -> Callable[[], object]:
        replay = super().record(work)
        began, ended = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        self._events.append((began, ended))

        def timed() -> None:
            began.record()
            replay()
            ended.record()

        return timed

    @property
    def last_hop_us(self) -> float:
        """Time of the last hop's graph, which must be done."""
        began, ended = self._events[0]
        return 1e3 * began.elapsed_time(ended)


def measure_cuda(model: str, hops: int) -> CudaReport:
    """Time a preset on the GPU, where there is one.

    Args:
        model: name of a preset whose weights ship.
        hops: hops to time each way, after the warm-up.

    Raises:
        InputError: unknown model, weights that do not ship, or a GPU that cannot capture a hop.
    """
    machine = fingerprint()
    net = load_model(model)
    if not torch.cuda.is_available():
        return CudaReport(machine, model, None)
    capture = _TimedCapture()
    runtime = CapturedRuntime(net, capture)
    hop = np.zeros(runtime.spec.hop_samples, np.float32)
    embedding = np.zeros(runtime.spec.embedding_size, np.float32)
    graph = measure_hops(runtime, hops)
    replays_us = []
    for _ in range(hops):
        runtime.process_hop(hop, embedding, 0.0, 0.0)
        replays_us.append(capture.last_hop_us)
    times = CudaTimes(
        device=torch.cuda.get_device_name(capture.device),
        graph=graph,
        replay_us=float(np.median(replays_us)),
        replay_noise_percent=spread_percent(replays_us),
        eager=_time_eager(WaveModel(net), hops, capture.device),
        moved_bytes=hop_bytes(net),
        bytes_per_second=_bandwidth(capture.device),
    )
    return CudaReport(machine, model, times)


@torch.inference_mode()
def _time_eager(model: WaveModel, hops: int, device: torch.device) -> StepTimes:
    config = model.net.config
    model.eval().to(device)
    hop = torch.zeros(1, config.stft.hop, device=device)
    embedding = torch.zeros(1, config.visual.embedding_size, device=device)
    age_s, dry = torch.zeros(1, device=device), torch.zeros(1, device=device)
    state = model.init_state(1, device)

    def step(_: int) -> None:
        nonlocal state
        state = model.step(hop, embedding, age_s, dry, state)[2]
        torch.cuda.synchronize(device)

    return StepTimes.of(time_calls(step, hops), 1 / config.stft.frames_per_second)


def _bandwidth(device: torch.device) -> float:
    source = torch.ones(COPIED_BYTES // 4, device=device)
    target = torch.empty_like(source)
    began, ended = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    fastest_ms = float("inf")
    for _ in range(COPIES):
        began.record()
        target.copy_(source)
        ended.record()
        ended.synchronize()
        fastest_ms = min(fastest_ms, began.elapsed_time(ended))
    return 2 * COPIED_BYTES / (1e-3 * fastest_ms)

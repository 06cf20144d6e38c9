"""What each layer of the streaming step costs: its time in eager torch, its products, weights and state."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from ....models.lite_avse import build
from ....models.state import State, iter_state
from ....models.wave import WaveModel
from ...machine import Machine, fingerprint
from ...output import format_count, format_table
from ..measurements import LEVEL, Clock, Measurement, spread_percent
from .complexity import Macs, count_macs, visual_inputs

#: Steps before timing starts.
WARM_UP = 20


@dataclass(frozen=True)
class Layer:
    """One layer of a model, one hop (the visual encoder: one video frame).

    Attributes:
        name: of the layer.
        us: median time.
        noise_percent: how far the median moved, see `spread_percent`.
        products, elementwise: multiply-accumulates, see `complexity`.
        parameters: numbers in its weights.
        state_bytes: what it carries to the next hop.
    """

    name: str
    us: float
    noise_percent: float
    products: int
    elementwise: int
    parameters: int
    state_bytes: int


@dataclass(frozen=True)
class ModelLayers:
    """A preset, layer by layer.

    Attributes:
        model: its name.
        hop_us: median time of a whole hop.
        between_us: the part of it that no layer takes: Python between them.
        hop_percent: of the time until the next hop is due.
        layers: in the order they run in, without the visual encoder.
        visual: the visual encoder, which runs once a video frame.
    """

    model: str
    hop_us: float
    between_us: float
    hop_percent: float
    layers: Sequence[Layer]
    visual: Layer


@dataclass(frozen=True)
class LayersReport:
    """The layers of presets, with so many threads of torch. The weights are random: they change no time."""

    machine: Machine
    threads: int
    models: Sequence[ModelLayers]

    def text(self) -> str:
        """The machine and a table for each preset."""
        return "\n\n".join([self.machine.describe(), *map(_table, self.models)])

    def measurements(self) -> Iterator[Measurement]:
        """The time, the products and the state of each layer."""
        for model in self.models:
            for layer in (*model.layers, model.visual):
                name = f"layers.{model.model}.{layer.name.replace(' ', '_')}"
                yield Measurement(f"{name}.time", layer.us, "us", layer.noise_percent)
                yield Measurement(f"{name}.macs", layer.products + layer.elementwise, "MAC")
                yield Measurement(f"{name}.state", layer.state_bytes, "B")


class _Stage(NamedTuple):
    """A layer: the calls that make it up, and where the names of its weights and of its state begin."""

    name: str
    calls: Sequence[tuple[Any, str]]
    prefix: str


def measure_layers(models: Sequence[str], hops: int, threads: int = 1) -> LayersReport:
    """Time the layers of presets inside whole hops, with video present.

    One thread's times are its processor time, which leaves out what other processes took (on Windows, whose
    clock for it is too coarse, and with more threads: wall time).

    Args:
        models: names of presets.
        hops: hops to time, after the warm-up; a tenth as many video frames are.
        threads: threads of torch, for the whole process.

    Raises:
        InputError: there is no such preset.
    """
    torch.set_num_threads(threads)
    machine = fingerprint()
    clock = time.thread_time if threads == 1 and sys.platform != "win32" else time.perf_counter
    return LayersReport(machine, threads, [_measure(model, hops, clock) for model in models])


def _measure(name: str, hops: int, clock: Clock) -> ModelLayers:
    macs = _count(WaveModel(build(name)).eval())
    model = WaveModel(build(name)).eval()
    stages = _stages(model)
    *seconds, whole = _time_hops(model, stages[:-1], hops, clock)
    seconds.append(_time_frames(model, max(1, hops // 10), clock))
    weights = {key: tensor.numel() for key, tensor in model.named_parameters()}
    states = [*iter_state(model.init_state(1)), *iter_state(model.net.visual.init_state(1), "net.visual")]
    carried = {key: tensor.numel() * tensor.element_size() for key, tensor in states}
    prefixes = [stage.prefix for stage in stages]
    layers = [
        Layer(
            name=stage.name,
            us=1e6 * float(np.median(times)),
            noise_percent=spread_percent(times),
            products=count.products,
            elementwise=count.elementwise,
            parameters=_sum_of(weights, stage.prefix, prefixes),
            state_bytes=_sum_of(carried, stage.prefix, prefixes),
        )
        for stage, count, times in zip(stages, macs, seconds, strict=True)
    ]
    hop_s = float(np.median(whole))
    between_s = float(np.median(np.array(whole) - np.sum(seconds[:-1], axis=0)))
    hop_percent = 100 * hop_s * model.net.config.stft.frames_per_second
    return ModelLayers(name, 1e6 * hop_s, 1e6 * between_s, hop_percent, layers[:-1], layers[-1])


def _stages(model: WaveModel) -> list[_Stage]:
    """The layers of a hop in their order, and the visual encoder."""
    net = model.net
    stages = [
        _Stage("analysis", [(model.analysis, "step")], "analysis"),
        _Stage("level", [(net.level, "step")], "net.level"),
        _Stage("encode", [(net.codec, "encode")], "net.codec.encoder"),
    ]
    if net.fusion is not None:
        stages.append(_Stage("fusion", [(net.fusion, "forward")], "net.fusion"))
    blocks: Sequence[Any] = list(net.blocks)
    for index, block in enumerate(blocks):
        name, prefix = f"block {index}", f"net.blocks.{index}"
        if block.memory is not None:
            stages.append(_Stage(f"{name} memory", [(block.memory, "step")], f"{prefix}.memory"))
        time_axis = [(block.time_mamba, "step"), (block.time_linear, "forward")]
        if block.attention is not None:
            frequency = [(block.attention, "forward")]
        else:
            frequency = [(block.frequency_mamba, "forward"), (block.frequency_linear, "forward")]
        stages.append(_Stage(f"{name} time", time_axis, f"{prefix}.time"))
        stages.append(_Stage(f"{name} frequency", frequency, f"{prefix}.frequency"))
    if net.branches is not None:
        stages.append(_Stage("branches", [(net.branches, "step")], "net.branches"))
    stages.append(_Stage("decode", [(net.codec, "decode")], "net.codec"))
    if net.gate is not None:
        stages.append(_Stage("voice gate", [(net.gate, "step")], "net.gate"))
    stages.append(_Stage("synthesis", [(model.synthesis, "step")], "synthesis"))
    stages.append(_Stage("visual encoder", [(net.visual, "step")], "net.visual"))
    return stages


def _observe(stages: Sequence[_Stage], around: Callable[..., Any]) -> None:
    """Let ``around(index, call, *arguments)`` stand in for every call of each stage."""
    for index, stage in enumerate(stages):
        for module, verb in stage.calls:
            setattr(module, verb, partial(around, index, getattr(module, verb)))


@torch.inference_mode()
def _time_hops(model: WaveModel, stages: Sequence[_Stage], hops: int, clock: Clock) -> list[list[float]]:
    """Seconds of each stage in each hop; the last row those of whole hops."""
    spent = [0.0] * len(stages)

    def timed(index: int, call: Callable[..., Any], *arguments: Any) -> Any:
        began = clock()
        result = call(*arguments)
        spent[index] += clock() - began
        return result

    _observe(stages, timed)
    rows: list[list[float]] = []
    step, state = _hop_step(model), model.init_state(1)
    for _ in range(WARM_UP + hops):
        spent[:] = [0.0] * len(stages)
        began = clock()
        state = step(state)
        rows.append([*spent, clock() - began])
    return [list(column) for column in zip(*rows[WARM_UP:], strict=True)]


@torch.inference_mode()
def _time_frames(model: WaveModel, frames: int, clock: Clock) -> list[float]:
    """Seconds of the visual encoder in each video frame."""
    times = []
    step, state = _frame_step(model), model.net.visual.init_state(1)
    for _ in range(WARM_UP + frames):
        began = clock()
        state = step(state)
        times.append(clock() - began)
    return times[WARM_UP:]


def _count(model: WaveModel) -> list[Macs]:
    """The multiply-accumulates of each stage in one hop, and of the last in one video frame."""
    stages = _stages(model)
    counts = [Macs(0, 0)] * len(stages)

    def counted(index: int, call: Callable[..., Any], *arguments: Any) -> Any:
        results: list[Any] = []
        macs, before = count_macs(lambda: results.append(call(*arguments))), counts[index]
        counts[index] = Macs(before.products + macs.products, before.elementwise + macs.elementwise)
        return results[0]

    _observe(stages, counted)
    with torch.no_grad():  # inference mode hides the products inside linear layers
        _hop_step(model)(model.init_state(1))
        _frame_step(model)(model.net.visual.init_state(1))
    return counts


def _hop_step(model: WaveModel) -> Callable[[State], State]:
    """A call that takes a model one hop on with fresh lips, from state to state."""
    config = model.net.config
    hop = LEVEL * torch.randn(1, config.stft.hop)
    embedding, zero = torch.randn(1, config.visual.embedding_size), torch.zeros(1)

    def step(state: State) -> State:
        return model.step(hop, embedding, zero, zero, state)[2]

    return step


def _frame_step(model: WaveModel) -> Callable[[State], State]:
    """A call that takes the visual encoder one video frame on, from state to state."""
    seen = visual_inputs(model.net.config)

    def step(state: State) -> State:
        return model.net.visual.step(*seen, state)[1]

    return step


def _sum_of(sizes: dict[str, int], prefix: str, prefixes: Sequence[str]) -> int:
    """The sizes whose name begins with this prefix and with no longer one."""
    longer = tuple(other for other in prefixes if len(other) > len(prefix) and other.startswith(prefix))
    return sum(
        size for name, size in sizes.items() if name.startswith(prefix) and not name.startswith(longer)
    )


def _table(model: ModelLayers) -> str:
    def row(name: str, us: float, share: str, layers: Sequence[Layer]) -> list[str]:
        counts = (
            sum(layer.products + layer.elementwise for layer in layers),
            sum(layer.products for layer in layers),
            sum(layer.parameters for layer in layers),
        )
        carried = sum(layer.state_bytes for layer in layers)
        return [name, f"{us:.0f}", share, *map(format_count, counts), f"{format_count(carried)}B"]

    def share(us: float) -> str:
        return f"{100 * us / model.hop_us:.1f}"

    rows = [row(layer.name, layer.us, share(layer.us), [layer]) for layer in model.layers]
    rows.append(["between them", f"{model.between_us:.0f}", share(model.between_us), *"----"])
    rows.append(row("a hop", model.hop_us, "100", model.layers))
    rows.append(row("visual encoder, a frame", model.visual.us, "-", [model.visual]))
    headers = ["", "us", "% of\nthe hop", "MAC", "of them\nproducts", "parameters", "state"]
    title = f"{model.model}: {model.hop_us / 1e3:.2f} ms a hop, {model.hop_percent:.1f} % of its time"
    return f"{title}\n\n{format_table(headers, rows)}"

"""How fast a recipe trains: seconds of mixtures a second, where the time goes, and what is least."""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from ...bench.machine import Machine, fingerprint
from ...errors import InputError
from ...kernels.build import BuildError
from ...kernels.cpu import calls as cpu_calls
from ...kernels.cpu import peak as cpu_peak
from ..mixing.batches import Batch, draw_ahead, read_sources
from ..recipe import Recipe
from .distributed import Group, torch_device
from .learner import Learner
from .needs import Step, needs_text

#: Steps before the clock starts: the kernel is built, caches are filled.
_WARM_UP = 3


#: Operations of torch that the state-space scans are made of; all others that are products belong to layers.
_SCANS = {"bmm", "baddbmm"}


@dataclass(frozen=True)
class TrainingFloor:
    """The least processor time of a step: its products, done as fast as one core can.

    Attributes:
        forward, backward: multiply-accumulates of a step in matrix products and convolutions.
        scans: those of the state-space scans on both ways, as the matrices that torch makes of them.
        macs_per_second: the most that one core does, on operands in its first cache.
    """

    forward: float
    backward: float
    scans: float
    macs_per_second: float

    @property
    def seconds(self) -> float:
        """Of one core, for a step. Functions, sums and what is elementwise would come on top."""
        return (self.forward + self.backward + self.scans) / self.macs_per_second


@dataclass(frozen=True)
class TrainingSpeed:
    """Times of the steps of a recipe.

    Attributes:
        machine: what it ran on.
        preset, device, precision: what was trained, where and how.
        threads, workers: of torch, and those that drew mixtures.
        kernel: whether the compiled CPU kernel was there to be used.
        batch, seconds: mixtures of a step, and the length of each.
        steps: that were timed.
        draw_s, learn_s: seconds that all of them waited for mixtures, and learned from them.
        processor_s: processor time of this process, all threads, in all of them.
        draw_processor_s: processor time of drawing in this process; None where workers drew.
        floor: of a step; None where no C++ compiler is there to tell what a core can do, and on CUDA.
    """

    machine: Machine
    preset: str
    device: str
    precision: str
    threads: int
    workers: int
    kernel: bool
    batch: int
    seconds: float
    steps: int
    draw_s: float
    learn_s: float
    processor_s: float
    draw_processor_s: float | None
    floor: TrainingFloor | None

    @property
    def mixture_s(self) -> float:
        """Seconds of mixtures in all steps."""
        return self.steps * self.batch * self.seconds

    @property
    def speed(self) -> float:
        """Seconds of mixtures trained on in a second, drawing them included."""
        return self.mixture_s / (self.draw_s + self.learn_s)

    def text(self) -> str:
        """The machine, the set-up, and the times."""
        kernel = "compiled kernel" if self.kernel else "no compiled kernel"
        share = 100.0 * self.draw_s / (self.draw_s + self.learn_s)
        return (
            f"{self.machine.describe()}\n\n"
            f"{self.preset} on {self.device} in {self.precision}, {self.threads} threads, "
            f"{self.workers} workers, {kernel}\n"
            f"{self.steps} steps of {self.batch} x {self.seconds:g} s: "
            f"{1e3 * self.learn_s / self.steps:.0f} ms a step, and {1e3 * self.draw_s / self.steps:.0f} ms "
            f"waiting for its mixtures ({share:.0f} %)\n"
            f"{self.speed:.1f} seconds of mixtures trained on in a second "
            f"({self.mixture_s / self.learn_s:.1f} without the waiting)\n"
            f"{1e3 * self.processor_s / self.steps:.0f} ms of processor time a step: "
            f"{self.mixture_s / self.processor_s:.1f} seconds of mixtures a second of a core"
            f"{self._floor_text()}{self._needs_text()}"
        )

    def _needs_text(self) -> str:
        """What many hours need of GPUs, where both parts of it were measured."""
        if self.floor is None or self.draw_processor_s is None:
            return ""
        macs = self.steps * (self.floor.forward + self.floor.backward + self.floor.scans)
        return f"\n\n{needs_text(Step(macs / self.mixture_s, self.draw_processor_s / self.mixture_s))}"

    def _floor_text(self) -> str:
        if self.floor is None:
            return ""
        floor, ratio = self.floor, self.processor_s / self.steps / self.floor.seconds
        return (
            f"\nfloor {1e3 * floor.seconds:.0f} ms, of which this is {ratio:.1f} times: "
            f"{floor.forward / 1e9:.2f} G products forward, {floor.backward / 1e9:.2f} backward, "
            f"{floor.scans / 1e9:.2f} in scans, at {floor.macs_per_second / 1e9:.0f} G a second"
        )


def measure_training(recipe: Recipe, cache: Path, steps: int) -> TrainingSpeed:
    """Time optimizer steps of a recipe on its own data, after some to warm up.

    Raises:
        InputError: fewer than one step, or data that is missing or does not fit.
    """
    if steps < 1:
        raise InputError("--steps must be at least 1")
    machine, device = fingerprint(), torch_device(recipe.device)
    source, _ = read_sources(recipe, cache)
    learner = Learner(recipe, Group(device))
    draw_s = learn_s = processor_s = draw_processor_s = 0.0
    drawn = draw_ahead(source, recipe.batch, recipe.seed, range(_WARM_UP + steps), recipe.workers)
    with contextlib.closing(drawn) as batches:
        for step in range(_WARM_UP + steps):
            started, used = time.perf_counter(), time.process_time()
            batch = next(batches)
            ready, drawn_by = time.perf_counter(), time.process_time()
            learner.learn(batch, step)  # ends with a copy to the host, which waits for the device
            if step >= _WARM_UP:
                draw_s += ready - started
                draw_processor_s += drawn_by - used
                learn_s += time.perf_counter() - ready
                processor_s += time.process_time() - used
    return TrainingSpeed(
        machine=machine,
        preset=recipe.preset,
        device=device.type,
        precision=recipe.precision,
        threads=torch.get_num_threads(),
        workers=recipe.workers,
        kernel=device.type == "cpu" and cpu_calls.available(),
        batch=recipe.batch,
        seconds=recipe.mix.seconds,
        steps=steps,
        draw_s=draw_s,
        learn_s=learn_s,
        processor_s=processor_s,
        draw_processor_s=draw_processor_s if recipe.workers == 0 else None,
        floor=_floor(learner, batch) if device.type == "cpu" else None,
    )


def _floor(learner: Learner, batch: Batch) -> TrainingFloor | None:
    try:
        peak = cpu_peak.macs_per_second()
    except BuildError:
        return None
    with cpu_calls.left_to_torch():
        with FlopCounterMode(display=False) as ahead:
            loss, *_ = learner.objective(batch)
        with FlopCounterMode(display=False) as back:
            loss.backward()
    learner.optimizer.zero_grad()
    (forward, scans), (backward, scans_back) = (_products(counter) for counter in (ahead, back))
    return TrainingFloor(forward, backward, scans + scans_back, peak)


def _products(counter: FlopCounterMode) -> tuple[float, float]:
    """Multiply-accumulates that were counted, in layers and in scans; a pair of operations is one."""
    layers = scans = 0.0
    for operation, flops in counter.get_flop_counts()["Global"].items():
        if operation.__name__ in _SCANS:
            scans += flops / 2
        else:
            layers += flops / 2
    return layers, scans

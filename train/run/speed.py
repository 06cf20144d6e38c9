"""How fast a recipe trains: seconds of mixtures a second, and where the time goes."""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from ...bench.machine import Machine, fingerprint
from ...errors import InputError
from ...kernels.cpu import calls as cpu_calls
from ..mixing.batches import draw_ahead, read_sources
from ..recipe import Recipe
from .distributed import Group, torch_device
from .learner import Learner

#: Steps before the clock starts: the kernel is built, caches are filled.
_WARM_UP = 3


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
            f"({self.mixture_s / self.learn_s:.1f} without the waiting)"
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
    draw_s = learn_s = 0.0
    drawn = draw_ahead(source, recipe.batch, recipe.seed, range(_WARM_UP + steps), recipe.workers)
    with contextlib.closing(drawn) as batches:
        for step in range(_WARM_UP + steps):
            started = time.perf_counter()
            batch = next(batches)
            ready = time.perf_counter()
            learner.learn(batch, step)  # ends with a copy to the host, which waits for the device
            if step >= _WARM_UP:
                draw_s += ready - started
                learn_s += time.perf_counter() - ready
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
    )

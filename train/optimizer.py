"""AdamW and its learning rate over the steps of a run."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import nn

from ..errors import InputError

Schedule = Literal["cosine", "exponential"]


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW (Loshchilov & Hutter 2019) with a linear warm-up, a decay and clipped gradients.

    Attributes:
        learning_rate: at its peak, after ``warmup_steps``.
        weight_decay, betas: of AdamW.
        schedule: ``cosine``, to ``final_fraction`` of the peak at the last step (Loshchilov & Hutter 2017),
            or ``exponential``, by ``decay`` for every ``decay_steps`` (the parents: 0.99 an epoch).
        clip_norm: norm of the gradient from which on it is scaled down.
        ema_decay: of the average of the weights, which is what is validated and kept.

    Raises:
        InputError: a value out of its range.
    """

    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    warmup_steps: int = 200
    schedule: str = "cosine"
    final_fraction: float = 0.02
    decay: float = 0.99
    decay_steps: int = 1000
    clip_norm: float = 1.0
    ema_decay: float = 0.998

    def __post_init__(self) -> None:
        if self.schedule not in get_args(Schedule):
            raise InputError(
                f"unknown schedule '{self.schedule}': choose one of {', '.join(get_args(Schedule))}"
            )
        if min(self.learning_rate, self.clip_norm) <= 0.0 or self.weight_decay < 0.0:
            raise InputError("learning_rate and clip_norm must be above 0, weight_decay at least 0")
        if len(self.betas) != 2 or not all(0.0 <= value < 1.0 for value in (*self.betas, self.ema_decay)):
            raise InputError("betas (two of them) and ema_decay must be at least 0 and below 1")
        if not (0.0 <= self.final_fraction <= 1.0 and 0.0 < self.decay <= 1.0):
            raise InputError("final_fraction must lie in [0, 1], decay above 0 and at most 1")
        if self.warmup_steps < 0 or self.decay_steps < 1:
            raise InputError("warmup_steps must be at least 0, decay_steps at least 1")


def learning_rate(step: int, config: OptimizerConfig, steps: int) -> float:
    """The rate of a step, from 0, of a run of ``steps``: warm-up, then the decay that the schedule names."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    since = step - config.warmup_steps
    if config.schedule == "exponential":
        return config.learning_rate * config.decay ** (since / config.decay_steps)
    progress = min(since / max(steps - config.warmup_steps, 1), 1.0)
    cosine = 0.5 * (1.0 + math.cos(math.pi * progress))
    return config.learning_rate * (config.final_fraction + (1.0 - config.final_fraction) * cosine)


def make_optimizer(parameters: Iterable[nn.Parameter], config: OptimizerConfig) -> torch.optim.AdamW:
    """AdamW over the parameters; its rate is set before each step."""
    return torch.optim.AdamW(parameters, betas=config.betas, weight_decay=config.weight_decay)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The rate of the next step, for all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate

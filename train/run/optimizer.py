"""AdamW, Muon for the matrices where a recipe says so, and their learning rate over the steps of a run."""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import nn

from ...errors import InputError

Schedule = Literal["cosine", "exponential"]
#: What moves the weights that are matrices.
Matrices = Literal["adamw", "muon"]

#: Sides that a matrix has at least: narrower ones have hardly any directions to make equal.
_MATRIX_SIDE = 8
_MUON_MOMENTUM = 0.95
#: Factor of the learning rate in a group of parameters.
_FACTOR = "factor"


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW (Loshchilov & Hutter 2019) with a linear warm-up, a decay and clipped gradients.

    Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks") moves a matrix about
    equally far in all of its directions. Its steps are scaled to the RMS of AdamW's (Liu et al. 2025,
    arXiv:2502.16982, section 2.2), so that one learning rate and one weight decay serve both.

    Attributes:
        matrices: what moves weights that are matrices (`is_matrix`): ``adamw``, as the others, or ``muon``.
        learning_rate: at its peak, after ``warmup_steps``.
        known_rate: factor of it for the parameters that came with the recipe's ``start_from``, where the
            recipe lets the model ``grow``.
        weight_decay: of both.
        betas: of AdamW.
        schedule: ``cosine``, to ``final_fraction`` of the peak at the last step (Loshchilov & Hutter 2017),
            or ``exponential``, by ``decay`` for every ``decay_steps`` (the parents: 0.99 an epoch).
        clip_norm: norm of the gradient from which on it is scaled down.
        ema_decay: of the average of the weights, which is what is validated and kept.

    Raises:
        InputError: a value out of its range.
    """

    matrices: str = "adamw"
    learning_rate: float = 2e-3
    known_rate: float = 1.0
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
        for name, choices in (("schedule", get_args(Schedule)), ("matrices", get_args(Matrices))):
            if (value := getattr(self, name)) not in choices:
                raise InputError(f"unknown {name} '{value}': choose one of {', '.join(choices)}")
        if min(self.learning_rate, self.clip_norm) <= 0.0 or self.weight_decay < 0.0:
            raise InputError("learning_rate and clip_norm must be above 0, weight_decay at least 0")
        if not 0.0 < self.known_rate <= 1.0:
            raise InputError("known_rate must be above 0 and at most 1")
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


class Together:
    """AdamW and Muon, each with its own parameters, used as one optimizer."""

    def __init__(self, adamw: torch.optim.AdamW, muon: torch.optim.Muon) -> None:
        self.parts: dict[str, torch.optim.Optimizer] = {"adamw": adamw, "muon": muon}

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Those of both."""
        return [group for part in self.parts.values() for group in part.param_groups]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for part in self.parts.values():
            part.zero_grad()

    def step(self) -> None:
        """Move all parameters that have gradients."""
        for part in self.parts.values():
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` takes: the state of each by its name."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state.

        Raises:
            KeyError, ValueError: it is that of other parameters.
        """
        for name, part in self.parts.items():
            part.load_state_dict(state[name])


Optimizer = torch.optim.AdamW | Together


def is_matrix(name: str, parameter: nn.Parameter) -> bool:
    """Whether a parameter is one that Muon may move: the weight of a linear layer that is not too narrow.

    A table of numbers that stand for themselves, such as Mamba-1's ``A_log [E, N]``, is no weight, and the
    kernel of a convolution no matrix.
    """
    is_weight = name.rpartition(".")[2] == "weight"
    return is_weight and parameter.dim() == 2 and min(parameter.shape) >= _MATRIX_SIDE


def make_optimizer(
    named: Iterable[tuple[str, nn.Parameter]], config: OptimizerConfig, new: Collection[str] = ()
) -> Optimizer:
    """What moves the parameters as the configuration says; the rate is set before each step.

    Args:
        named: the parameters with their names.
        config: of the recipe.
        new: names of those that learn at the whole rate, the others at ``config.known_rate`` of it.
    """
    matrices: list[tuple[str, nn.Parameter]] = []
    others: list[tuple[str, nn.Parameter]] = []
    for item in named:
        (matrices if config.matrices == "muon" and is_matrix(*item) else others).append(item)
    adamw = torch.optim.AdamW(
        _groups(others, config, new), betas=config.betas, weight_decay=config.weight_decay, fused=True
    )
    if not matrices:
        return adamw
    muon = torch.optim.Muon(
        _groups(matrices, config, new),
        momentum=_MUON_MOMENTUM,
        weight_decay=config.weight_decay,
        adjust_lr_fn="match_rms_adamw",
    )
    return Together(adamw, muon)


def _groups(
    named: list[tuple[str, nn.Parameter]], config: OptimizerConfig, new: Collection[str]
) -> list[dict[str, Any]]:
    """The parameters by the factor of their rate; no group is empty."""
    known = [parameter for name, parameter in named if name not in new]
    fresh = [parameter for name, parameter in named if name in new]
    groups = [{"params": known, _FACTOR: config.known_rate}, {"params": fresh, _FACTOR: 1.0}]
    return [group for group in groups if group["params"]]


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """The rate of the next step, of each parameter times its factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get(_FACTOR, 1.0)  # checkpoints from before there were factors have none

"""The critic of a parent in training: a discriminator that learns PESQ, and what it says of the estimates."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...bench.metrics import pesq_wb
from ..losses.discriminator import MetricDiscriminator, scaled_pesq
from ..recipe import Recipe
from .distributed import Group
from .optimizer import learning_rate, make_optimizer, set_learning_rate


class Judged(NamedTuple):
    """What is judged: clean speech and its estimate, as compressed magnitudes ``[B, F, T]`` and waves
    ``[B, N]``. Gradients go through ``estimate`` alone."""

    clean: Tensor
    estimate: Tensor
    clean_wave: Tensor
    estimate_wave: Tensor


class Critic:
    """A `MetricDiscriminator` and its optimizer, which is as the recipe's.

    PESQ is computed by the process that trains, for its own part of the batch.
    """

    def __init__(self, recipe: Recipe, group: Group) -> None:
        self.recipe, self.group = recipe, group
        self.net = MetricDiscriminator().to(group.device)
        self.shared = group.share(self.net, all_used=True)
        self.parameters = list(self.net.parameters())
        self.optimizer = make_optimizer(self.net.named_parameters(), recipe.optimizer)

    def learn(self, judged: Judged, step: int) -> Tensor | None:
        """One optimizer step towards 1 for clean speech and scaled PESQ for the estimates.

        Estimates for which PESQ is not defined teach nothing.

        Returns:
            The loss, a scalar without a gradient; None where it or its gradient was not finite in any of the
            processes, and nothing was learnt.
        """
        wanted = scaled_pesq(_pesq(judged)).to(self.group.device)
        known = wanted.isfinite()
        self.optimizer.zero_grad()
        # In one go: processes share the gradients of one pass.
        pairs = torch.cat([judged.clean, judged.clean]), torch.cat([judged.clean, judged.estimate.detach()])
        of_clean, of_estimate = self.shared(*pairs).chunk(2)
        missed = torch.where(known, of_estimate - wanted.nan_to_num(), 0.0).square().sum()
        loss: Tensor = (of_clean - 1.0).square().mean() + missed / known.sum().clamp(min=1)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.recipe.optimizer.clip_norm)
        means = self.group.mean(torch.stack([norm, loss.detach()])).tolist()
        if not all(map(math.isfinite, means)):
            return None
        set_learning_rate(self.optimizer, learning_rate(step, self.recipe.optimizer, self.recipe.steps))
        self.optimizer.step()
        return loss.detach()

    def doubt(self, judged: Judged) -> Tensor:
        """How far the estimates are from the best score: what the parent is to make small."""
        for parameter in self.parameters:  # the parent learns from this, the critic does not
            parameter.requires_grad_(False)
        scores = self.net(judged.clean, judged.estimate)
        for parameter in self.parameters:
            parameter.requires_grad_(True)
        return (scores - 1.0).square().mean()

    def state(self) -> dict[str, Any]:
        """What `load` needs."""
        return {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        """Go back to where `state` was taken; raises as `Learner.load`."""
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])


def _pesq(judged: Judged) -> Tensor:
    """PESQ-WB of each estimate, ``[B]``, NaN where it is not defined."""
    waves = (wave.detach().cpu().numpy() for wave in (judged.clean_wave, judged.estimate_wave))
    scores = [pesq_wb(*pair) for pair in zip(*waves, strict=True)]
    return torch.tensor(scores, dtype=torch.float32)

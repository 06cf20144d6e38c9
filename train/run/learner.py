"""One model that learns: its loss, its optimizer, the running average of its weights, its memory."""

import copy
import ctypes
import math
import sys
from typing import Any

import torch

from ...models.store.folder import PARENTS
from ..mixing.batches import Batch
from ..mixing.cue_mixtures import CueBatch
from ..mixing.video_mixtures import VideoBatch
from ..recipe import Recipe
from .critic import Critic
from .distributed import Group
from .estimator import Estimator, StreamingEstimator, make_estimator
from .objectives import make_objective
from .optimizer import learning_rate, make_optimizer, set_learning_rate

#: Parameters of glibc's ``mallopt``, from its ``malloc.h``.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


def keep_freed_memory() -> None:
    """Have the allocator of this process keep freed memory for itself, where it is glibc's.

    Unasked it hands that of large tensors back, and the system clears each page again that the next step
    touches: thousands of page faults a step.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_MMAP_MAX, 0)


class Learner:
    """The model of a recipe in training.

    Attributes:
        model: what is trained.
        average: the exponential average of its weights, which is what is validated and kept.
        critic: of a parent whose loss has a metric.
    """

    def __init__(self, recipe: Recipe, group: Group) -> None:
        self.recipe, self.group = recipe, group
        torch.manual_seed(recipe.seed)
        model, new = make_estimator(recipe)
        self.model = model.to(group.device)
        self.average = copy.deepcopy(self.model).eval()
        _freeze(self.model, recipe.video.freeze)
        trained = {name: value for name, value in self.model.named_parameters() if value.requires_grad}
        self.trained = list(trained.values())
        # Steps without video leave the path of the lips unused.
        objective = make_objective(self.model, recipe).to(group.device)
        self.objective = group.share(
            objective, all_used=recipe.video.share == 1.0 or recipe.preset in PARENTS
        )
        self.optimizer = make_optimizer(trained.items(), recipe.optimizer, new)
        self.critic = Critic(recipe, group) if recipe.loss.metric else None

    def learn(self, batch: Batch, step: int) -> dict[str, float] | None:
        """One optimizer step on this process's part of a batch.

        Returns:
            The loss and its terms over the whole batch; None where loss or gradient is not finite and the
            batch was skipped.
        """
        self.optimizer.zero_grad()
        loss, terms, judged = self.objective(to_device(batch, self.group.device))
        if self.critic is not None:
            learnt = self.critic.learn(judged, step)
            if learnt is None:
                return None
            doubt = self.critic.doubt(judged)
            loss = loss + self.recipe.loss.metric * doubt
            terms = {**terms, "metric": doubt.detach(), "critic": learnt}
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.trained, self.recipe.optimizer.clip_norm)
        # The norm is that of the shared gradients; of the losses only a process's own may not be finite.
        terms = {"loss": loss.detach(), **terms}
        means = self.group.mean(torch.stack([norm, *terms.values()])).tolist()
        if not all(math.isfinite(value) for value in means):
            return None
        set_learning_rate(self.optimizer, learning_rate(step, self.recipe.optimizer, self.recipe.steps))
        self.optimizer.step()
        self._follow(step)
        return dict(zip(terms, means[1:], strict=True))

    @torch.no_grad()
    def _follow(self, step: int) -> None:
        """Move the average towards the weights: fast at first, then by the recipe's decay."""
        decay = min(self.recipe.optimizer.ema_decay, (1 + step) / (10 + step))
        for mean, value in zip(self.average.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)
        for kept, newest in zip(self.average.buffers(), self.model.buffers(), strict=True):
            kept.copy_(newest)  # statistics of batch norms are averages already

    def state(self) -> dict[str, Any]:
        """Everything that `load` needs to go on from here."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        return state if self.critic is None else {**state, "critic": self.critic.state()}

    def load(self, state: dict[str, Any]) -> None:
        """Go back to where `state` was taken.

        Raises:
            RuntimeError, KeyError, ValueError: it is that of another model.
        """
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.critic is not None:
            self.critic.load(state["critic"])


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch on a device."""
    video = batch.video
    if isinstance(video, CueBatch):
        video = CueBatch(*(part.to(device) for part in video))
    elif video is not None:
        video = VideoBatch(*(part.to(device) for part in video))
    return Batch(batch.noisy.to(device), batch.clean.to(device), video)


def _freeze(model: Estimator, part: str) -> None:
    """Take a part of the model, see `VideoConfig.freeze`, out of the training."""
    if not part:
        return
    assert isinstance(model, StreamingEstimator), "only a model with lips has parts to freeze"
    net = model.net
    if part == "sound":
        net.requires_grad_(False)
        for trained in (net.visual, net.fusion):
            if trained is not None:
                trained.requires_grad_(True)
        return
    for frozen in (net.visual, None if net.fusion is None else net.fusion.vce):
        if frozen is not None:
            frozen.requires_grad_(False).eval()  # in training mode, batch norms would still follow

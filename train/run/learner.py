"""One model that learns: its loss, its optimizer, the running average of its weights, its memory."""

import copy
import ctypes
import math
import sys
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...models.config import FRESH_AGE_S, ModelConfig
from ...models.store.folder import SEMAMBA
from ..losses.loss import SpectralLoss
from ..mixing.batches import Batch
from ..mixing.video_mixtures import VideoBatch
from ..recipe import Recipe
from .distributed import Group
from .estimator import Estimator, StreamingEstimator, make_estimator
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


class Objective(nn.Module):
    """The loss of a batch, as one module, so that processes can share its gradients."""

    def __init__(self, model: Estimator, recipe: Recipe) -> None:
        super().__init__()
        self.model, self.recipe = model, recipe
        self.loss = SpectralLoss(recipe.loss)
        network = recipe.network
        self.has_vce = isinstance(network, ModelConfig) and network.visual.vce

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, a scalar, and its terms, detached; with faces also the cross-entropy of alpha."""
        estimate = self.model(batch.noisy, batch.video, mixed=self.recipe.precision == "bfloat16")
        length = estimate.wave.shape[1]
        spectra = self.model.consistency(estimate) if self.recipe.loss.consistency else None
        loss, terms = self.loss(estimate.wave, batch.clean[:, :length], batch.noisy[:, :length], spectra)
        if batch.video is not None and self.has_vce:
            terms["alpha"] = alpha_entropy(estimate.alpha, batch.video)
            loss = loss + self.recipe.video.alpha_weight * terms["alpha"]
        return loss, {name: term.detach() for name, term in terms.items()}


def alpha_entropy(alpha: Tensor, video: VideoBatch) -> Tensor:
    """Cross-entropy of alpha ``[B, T]`` against the trust in a clip: mean of fresh frames, then of clips."""
    # Without fresh frames, or where the trust is not known, there is nothing to learn about alpha.
    known = video.trust.isfinite()[:, None]
    fresh = ((video.age_s < FRESH_AGE_S) & known).to(alpha.dtype)
    trust = video.trust.nan_to_num()[:, None].expand_as(alpha)
    entropy = F.binary_cross_entropy(alpha.clamp(1e-4, 1 - 1e-4), trust, reduction="none")
    return ((entropy * fresh).sum(1) / fresh.sum(1).clamp(min=1.0)).mean()


class Learner:
    """The model of a recipe in training.

    Attributes:
        model: what is trained.
        average: the exponential average of its weights, which is what is validated and kept.
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
        objective = Objective(self.model, recipe).to(group.device)
        self.objective = group.share(
            objective, all_used=recipe.video.share == 1.0 or recipe.preset == SEMAMBA
        )
        self.optimizer = make_optimizer(trained.items(), recipe.optimizer, new)

    def learn(self, batch: Batch, step: int) -> dict[str, float] | None:
        """One optimizer step on this process's part of a batch.

        Returns:
            The loss and its terms over the whole batch; None where loss or gradient is not finite and the
            batch was skipped.
        """
        self.optimizer.zero_grad()
        loss, terms = self.objective(to_device(batch, self.group.device))
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
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go back to where `state` was taken.

        Raises:
            RuntimeError, KeyError, ValueError: it is that of another model.
        """
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch on a device."""
    video = None if batch.video is None else VideoBatch(*(part.to(device) for part in batch.video))
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

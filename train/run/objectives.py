"""The loss of a batch as one module, so that processes can share its gradients: of a stream, of a parent."""

from torch import Tensor, nn
from torch.nn import functional as F

from ...models.config import FRESH_AGE_S, ModelConfig
from ...models.parents.inference import analyse, perceptual_contrast_stretching
from ..losses.loss import SpectralLoss
from ..losses.spectra import Spectrum, parent_loss
from ..mixing.batches import Batch
from ..mixing.cue_mixtures import CueBatch
from ..mixing.video_mixtures import VideoBatch
from ..recipe import Recipe
from .critic import Judged
from .estimator import Estimator, ParentEstimator, StreamingEstimator

#: The loss, a scalar, its terms, detached, and what a critic is to judge.
Outcome = tuple[Tensor, dict[str, Tensor], Judged | None]


class StreamObjective(nn.Module):
    """The loss of a `StreamingEstimator`; with faces also the cross-entropy of alpha."""

    def __init__(self, model: StreamingEstimator, recipe: Recipe) -> None:
        super().__init__()
        self.model, self.recipe = model, recipe
        self.loss = SpectralLoss(recipe.loss)
        network = recipe.network
        self.has_vce = isinstance(network, ModelConfig) and network.visual.vce

    def forward(self, batch: Batch) -> Outcome:
        """See `Outcome`."""
        estimate = self.model(batch.noisy, batch.video, mixed=self.recipe.precision == "bfloat16")
        length = estimate.wave.shape[1]
        spectra = self.model.consistency(estimate) if self.recipe.loss.consistency else None
        loss, terms = self.loss(estimate.wave, batch.clean[:, :length], batch.noisy[:, :length], spectra)
        if batch.video is not None and self.has_vce:
            terms["alpha"] = alpha_entropy(estimate.alpha, batch.video)
            loss = loss + self.recipe.video.alpha_weight * terms["alpha"]
        return loss, {name: term.detach() for name, term in terms.items()}, None


class ParentObjective(nn.Module):
    """The loss of a `ParentEstimator` but for its metric, all of it at unit RMS of the mixture."""

    def __init__(self, model: ParentEstimator, recipe: Recipe) -> None:
        super().__init__()
        self.model, self.recipe = model, recipe

    def forward(self, batch: Batch) -> Outcome:
        """See `Outcome`."""
        config, loss_config = self.model.net.config, self.recipe.loss
        found = self.model(batch.noisy, mixed=self.recipe.precision == "bfloat16")
        estimate = Spectrum(found.wave / found.level, found.mag, found.pha)
        wanted = perceptual_contrast_stretching(batch.clean) if self.recipe.pcs else batch.clean
        clean = Spectrum(wanted / found.level, *analyse(wanted / found.level, config))
        again = Spectrum(estimate.wave, *analyse(estimate.wave, config, learns=True))
        loss, terms = parent_loss(estimate, again, clean, loss_config)
        judged = None
        if loss_config.metric:
            judged = Judged(clean.mag, again.mag, clean.wave, estimate.wave)
        return loss, {name: term.detach() for name, term in terms.items()}, judged


def make_objective(model: Estimator, recipe: Recipe) -> StreamObjective | ParentObjective:
    """The loss of a model in training."""
    if isinstance(model, StreamingEstimator):
        return StreamObjective(model, recipe)
    return ParentObjective(model, recipe)


def alpha_entropy(alpha: Tensor, video: VideoBatch | CueBatch) -> Tensor:
    """Cross-entropy of alpha ``[B, T]`` against the trust in a clip: mean of fresh frames, then of clips."""
    age_s = video.age_s[:, : alpha.shape[1]]  # a model that looks ahead gives none for the last frames
    # Without fresh frames, or where the trust is not known, there is nothing to learn about alpha.
    known = video.trust.isfinite()[:, None]
    fresh = ((age_s < FRESH_AGE_S) & known).to(alpha.dtype)
    trust = video.trust.nan_to_num()[:, None].expand_as(alpha)
    entropy = F.binary_cross_entropy(alpha.clamp(1e-4, 1 - 1e-4), trust, reduction="none")
    return ((entropy * fresh).sum(1) / fresh.sum(1).clamp(min=1.0)).mean()

"""The models that can be trained, from mixture to aligned estimate, as loop and validation see them."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...errors import InputError
from ...models.layers.stft import Analysis, Synthesis
from ...models.lite_avse import LiteAVSEMamba
from ...models.parents.config import ParentConfig
from ...models.parents.inference import analyse, synthesise
from ...models.parents.network import ParentNetwork
from ...models.parents.registry import find_parent, load_parent
from ...models.store.checkpoint import grow_model, held_config
from ...models.store.folder import describe
from ...models.store.join import take_encoder
from ...models.store.registry import require_file, weights_file
from ..mixing.cue_mixtures import CueBatch
from ..mixing.video_mixtures import VideoBatch, embed, held
from ..recipe import Recipe


class Estimate(NamedTuple):
    """What a model makes of a batch of mixtures ``[B, N]``, their first ``T'`` frames.

    Attributes:
        wave: ``[B, N']``, aligned with the first ``N'`` samples of the mixtures.
        spectrum: ``[B, 2, T', F]`` that the network gave.
        alpha: ``[B, T']``, 0 without video.
    """

    wave: Tensor
    spectrum: Tensor
    alpha: Tensor


class StreamingEstimator(nn.Module):
    """A `LiteAVSEMamba` between analysis and synthesis, its lag taken out: `models.wave` for training."""

    def __init__(self, net: LiteAVSEMamba) -> None:
        super().__init__()
        self.net = net
        self.analysis = Analysis(net.config.stft)
        self.synthesis = Synthesis(net.config.stft)
        self.lag = net.config.stft.window - net.config.stft.hop

    def forward(
        self, noisy: Tensor, video: VideoBatch | CueBatch | None = None, mixed: bool = False
    ) -> Estimate:
        """Mixtures ``[B, N]`` of whole hops, with faces or without; ``mixed``: the network under autocast."""
        given, _ = self.analysis(noisy)
        with torch.autocast(noisy.device.type, torch.bfloat16, enabled=mixed):
            embedding, age_s = (None, None) if video is None else self._seen(video)
            spectrum, alpha, _ = self.net(given, embedding, age_s)
        waited = self.net.config.lookahead_frames
        spectrum, alpha = spectrum[:, :, waited:].float(), alpha[:, waited:].float()
        return Estimate(self.synthesis(spectrum)[0][:, self.lag :], spectrum, alpha)

    def _seen(self, video: VideoBatch | CueBatch) -> tuple[Tensor, Tensor]:
        if isinstance(video, CueBatch):
            return held(video.cue, video.newest, video.age_s)
        return embed(self.net, video)

    def consistency(self, estimate: Estimate) -> tuple[Tensor, Tensor]:
        """The frames that the network gave, and those of the wave made of them, ``[B, 2, T', F]`` each.

        Without the first frames, which hold more than the wave: it starts with the recording.
        """
        again, _ = self.analysis(estimate.wave)
        first, last = self.lag // self.net.config.stft.hop, again.shape[2]
        return estimate.spectrum[:, :, first:last], again[:, :, first:]


class ParentEstimate(NamedTuple):
    """What a parent makes of a batch of mixtures ``[B, N]``.

    Attributes:
        wave: ``[B, N]``.
        level: ``[B, 1]``, RMS of the mixtures.
        mag, pha: ``[B, F, T]`` each, compressed magnitude at unit RMS of the mixture, and phase.
    """

    wave: Tensor
    level: Tensor
    mag: Tensor
    pha: Tensor


class ParentEstimator(nn.Module):
    """A parent from wave to wave: mixtures at unit RMS inside, no lag; `inference` for training."""

    def __init__(self, net: ParentNetwork) -> None:
        super().__init__()
        self.net = net

    def forward(
        self, noisy: Tensor, video: VideoBatch | CueBatch | None = None, mixed: bool = False
    ) -> ParentEstimate:
        """Mixtures ``[B, N]``; faces are not looked at. ``mixed``: the network under autocast."""
        config = self.net.config
        level = noisy.square().mean(-1, keepdim=True).sqrt().clamp(min=1e-8)
        given = analyse(noisy / level, config)
        with torch.autocast(noisy.device.type, torch.bfloat16, enabled=mixed):
            mag, pha, _ = self.net(*given)
        mag, pha = mag.float(), pha.float()
        return ParentEstimate(synthesise(mag, pha, config, noisy.shape[-1]) * level, level, mag, pha)


Estimator = StreamingEstimator | ParentEstimator


def make_estimator(recipe: Recipe) -> tuple[Estimator, frozenset[str]]:
    """The model of a recipe, in training mode, with the weights that it starts from.

    Returns:
        The model, and the names of its parameters that those weights lack; none where there are no weights.

    Raises:
        InputError: weights to start from that are missing or do not fit.
    """
    config = recipe.network
    if isinstance(config, ParentConfig):
        return ParentEstimator(_parent(recipe, config).train()), frozenset()
    if not recipe.start_from:
        net = LiteAVSEMamba(config)
        if config.sees_landmarks and config.gate is None:
            take_encoder(net, Path(recipe.video.encoder))
        return StreamingEstimator(net), frozenset()
    start = Path(recipe.start_from)
    if not start.is_file() and start.suffix != ".safetensors":
        start = require_file(weights_file(recipe.start_from), recipe.start_from)
    if not recipe.grow and held_config(config, start) != config:
        raise InputError(f"{recipe.start_from} was trained with another [model] than the recipe's")
    loaded, lacking = grow_model(config, start)
    if lacking and not recipe.grow:
        raise InputError(
            f"{recipe.start_from} lacks {len(lacking)} tensors of '{recipe.preset}', such as {lacking[0]}: "
            "set grow = true to let them begin as in an untrained model"
        )
    return StreamingEstimator(loaded.train()), frozenset(f"net.{name}" for name in lacking)


def _parent(recipe: Recipe, config: ParentConfig) -> ParentNetwork:
    if not recipe.start_from:
        return find_parent(recipe.preset).model(config)
    start = Path(recipe.start_from)
    net = load_parent(recipe.preset, describe(start).weights if start.is_dir() else start)
    if net.config != config:
        raise InputError(f"{start} was trained with another [model] than the recipe's")
    return net

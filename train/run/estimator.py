"""The models that can be trained, from mixture to aligned estimate, as loop and validation see them."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...errors import InputError
from ...models.layers.stft import Analysis, Synthesis
from ...models.lite_avse import LiteAVSEMamba
from ...models.parents.inference import analyse, synthesise
from ...models.parents.semamba import SEMamba, SEMambaConfig, load_semamba_checkpoint
from ...models.store.checkpoint import grow_model, held_config
from ...models.store.registry import require_file, weights_file
from ..mixing.video_mixtures import VideoBatch, embed
from ..recipe import Recipe


class Estimate(NamedTuple):
    """What a model makes of a batch of mixtures ``[B, N]``.

    Attributes:
        wave: ``[B, N']``, aligned with the first ``N'`` samples of the mixtures.
        spectrum: ``[B, 2, T, F]`` that the network gave.
        alpha: ``[B, T]``, 0 without video.
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

    def forward(self, noisy: Tensor, video: VideoBatch | None = None, mixed: bool = False) -> Estimate:
        """Mixtures ``[B, N]`` of whole hops, with faces or without; ``mixed``: the network under autocast."""
        given, _ = self.analysis(noisy)
        with torch.autocast(noisy.device.type, torch.bfloat16, enabled=mixed):
            embedding, age_s = (None, None) if video is None else embed(self.net, video)
            spectrum, alpha, _ = self.net(given, embedding, age_s)
        spectrum = spectrum.float()
        return Estimate(self.synthesis(spectrum)[0][:, self.lag :], spectrum, alpha.float())

    def consistency(self, estimate: Estimate) -> tuple[Tensor, Tensor]:
        """The frames that the network gave, and those of the wave made of them, ``[B, 2, T', F]`` each.

        Without the first frames, which hold more than the wave: it starts with the recording.
        """
        again, _ = self.analysis(estimate.wave)
        first, last = self.lag // self.net.config.stft.hop, again.shape[2]
        return estimate.spectrum[:, :, first:last], again[:, :, first:]


class SEMambaEstimator(nn.Module):
    """The audio-only parent from wave to wave: mixtures at unit RMS inside, no lag."""

    window: Tensor

    def __init__(self, net: SEMamba) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("window", torch.hann_window(net.config.win_size), persistent=False)

    def forward(self, noisy: Tensor, video: VideoBatch | None = None, mixed: bool = False) -> Estimate:
        """Mixtures ``[B, N]``; faces are not looked at. ``mixed``: the network under autocast."""
        config = self.net.config
        rms = noisy.square().mean(-1, keepdim=True).sqrt().clamp(min=1e-8)
        given = analyse(noisy / rms, config)
        with torch.autocast(noisy.device.type, torch.bfloat16, enabled=mixed):
            magnitude, phase, _ = self.net(*given)
        magnitude, phase = magnitude.float(), phase.float()
        wave = synthesise(magnitude, phase, config, noisy.shape[-1]) * rms
        spectrum = torch.polar(magnitude ** (1.0 / config.compress_factor), phase) * rms[..., None]
        return Estimate(wave, self._scaled(spectrum), wave.new_zeros(spectrum.shape[0], spectrum.shape[2]))

    def consistency(self, estimate: Estimate) -> tuple[Tensor, Tensor]:
        """The frames that the network gave, and those of the wave made of them, ``[B, 2, T, F]`` each."""
        config = self.net.config
        again = torch.stft(
            estimate.wave, config.n_fft, config.hop_size, config.win_size, self.window, return_complex=True
        )
        return estimate.spectrum, self._scaled(again)

    def _scaled(self, spectrum: Tensor) -> Tensor:
        """Complex ``[B, F, T]`` -> ``[B, 2, T, F]``; white noise of unit power gets bins of unit power."""
        parts = torch.view_as_real(spectrum) / self.window.square().sum().sqrt()
        return parts.permute(0, 3, 2, 1)


Estimator = StreamingEstimator | SEMambaEstimator


def make_estimator(recipe: Recipe) -> tuple[Estimator, frozenset[str]]:
    """The model of a recipe, in training mode, with the weights that it starts from.

    Returns:
        The model, and the names of its parameters that those weights lack; none where there are no weights.

    Raises:
        InputError: weights to start from that are missing or do not fit.
    """
    config = recipe.network
    if isinstance(config, SEMambaConfig):
        net = load_semamba_checkpoint(recipe.start_from) if recipe.start_from else SEMamba(config)
        if net.config != config:
            raise InputError(f"{recipe.start_from} was trained with another [model] than the recipe's")
        return SEMambaEstimator(net.train()), frozenset()
    if not recipe.start_from:
        return StreamingEstimator(LiteAVSEMamba(config)), frozenset()
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

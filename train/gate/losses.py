"""What the gate is to do, as numbers of its output's spectrum: the waves need not be made."""

import torch
import torch.nn.functional as F
from torch import Tensor

#: Power of magnitudes in which errors count, as for the network for sound.
_COMPRESSION = 0.3
#: Weight of the errors of compressed complex spectra beside those of magnitudes.
_COMPLEX = 0.4
#: Power below which nothing counts, where 1 is the level of what is heard.
_SILENCE = 1e-6
#: Distortion of so much of the signal is as good as none: 30 dB are enough.
_ENOUGH = 1e-3
_FLOOR = 1e-4
#: A confidence in a cue that is older counts no more.
_FRESH_S = 0.12
#: Frames in which alpha cannot know yet.
_EARLY = 20


def spectral_error(estimate: Tensor, target: Tensor, gain: Tensor, lost: float) -> tuple[Tensor, Tensor]:
    """How far an estimate is from its target.

    Args:
        estimate, target: ``[B, 2, T, F]``.
        gain: ``[B, T]``, that brings what is heard to unit power; its mean is used.
        lost: weight of magnitudes that are lower than they should be.

    Returns:
        The error ``[B]``, 0 for equal spectra, and the ratio of signal to distortion in dB ``[B]``, about 30
        at most.
    """
    level = gain.mean(1)[:, None, None, None]
    given, wanted = estimate * level, target * level
    powers = [part.square().sum(1) + _SILENCE for part in (given, wanted)]
    compressed = [power ** (_COMPRESSION / 2) for power in powers]
    error = (compressed[0] - compressed[1]).square().mean((1, 2))
    quieter = F.relu(compressed[1] - compressed[0]).square().mean((1, 2))
    shapes = [
        part * (size / power.sqrt()).unsqueeze(1)
        for part, size, power in zip((given, wanted), compressed, powers, strict=True)
    ]
    bent = (shapes[0] - shapes[1]).square().sum(1).mean((1, 2))
    signal, distortion = (part.square().sum((1, 2, 3)) for part in (wanted, given - wanted))
    ratio_db = 10.0 * torch.log10((signal + _FLOOR) / (distortion + _ENOUGH * signal + _FLOOR))
    return error + _COMPLEX * bent + lost * quieter, ratio_db


def trust_error(alpha: Tensor, trust: Tensor, age_s: Tensor) -> Tensor:
    """Cross-entropy of alpha ``[B, T]`` and whether a cue may be trusted ``[B]``, in nats: ``[B]``.

    Frames of a stale cue ``age_s [B, T]`` do not count, nor the first ones.
    """
    counts = (age_s < _FRESH_S).float()
    counts[:, :_EARLY] = 0.0
    wanted = trust[:, None].expand_as(alpha)
    nats = F.binary_cross_entropy(alpha.clamp(1e-4, 1.0 - 1e-4), wanted, reduction="none")
    return (nats * counts).sum(1) / counts.sum(1).clamp(min=1.0)

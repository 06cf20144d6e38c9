"""Models on whole recordings, untrained, to be timed and counted: offline forms, and the parents."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ...models.config import PRESETS
from ...models.lite_avse import LiteAVSEMamba
from ...models.parents.inference import SAMPLE_RATE, enhance_offline
from ...models.parents.registry import find_parent, parent_config
from ...models.store.folder import PARENTS, describe
from ...models.store.registry import find_folder
from ...models.wave import WaveModel
from .measurements import LEVEL


@dataclass(frozen=True)
class WholeForm:
    """A model and something to hear.

    Attributes:
        net: whose weights count.
        seconds: length of what it hears.
        run: enhances it, with video where the model sees one.
    """

    net: nn.Module
    seconds: float
    run: Callable[[], object]


def whole_form(name: str, seconds: float) -> WholeForm:
    """The offline form of a model and noise of so many seconds, to whole frames.

    Args:
        name: a preset, a model folder, an id of the Hub, or one of `PARENTS`.
        seconds: of noise.

    Raises:
        InputError: there is no such model.
    """
    if name in PRESETS:
        return _ours(LiteAVSEMamba(PRESETS[name].offline()), seconds)
    if name in PARENTS:
        return _parent(name, {}, seconds)
    found = describe(find_folder(name))
    if found.kind in PARENTS:
        return _parent(found.kind, found.table, seconds)
    return _ours(LiteAVSEMamba(found.config().offline()), seconds)


def _ours(net: LiteAVSEMamba, seconds: float) -> WholeForm:
    model, config = WaveModel(net).eval(), net.config
    frames = max(1, round(seconds * config.stft.frames_per_second))
    wave = LEVEL * torch.randn(1, frames * config.stft.hop)
    embedding, age_s = torch.randn(1, frames, config.visual.embedding_size), torch.zeros(1, frames)
    return WholeForm(net, frames / config.stft.frames_per_second, lambda: model(wave, embedding, age_s))


def _parent(kind: str, table: Mapping[str, Any], seconds: float) -> WholeForm:
    net = find_parent(kind).model(parent_config(kind, table, "config.json"))
    net.eval()
    wave = LEVEL * torch.randn(1, round(seconds * SAMPLE_RATE))
    return WholeForm(net, seconds, lambda: enhance_offline(net, wave))

"""Models on whole recordings, untrained, to be timed and counted: offline forms, and the parent SEMamba."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from ...core.tables import from_table
from ...models.config import PRESETS
from ...models.lite_avse import LiteAVSEMamba
from ...models.parents.inference import enhance_offline
from ...models.parents.semamba import SEMamba, SEMambaConfig
from ...models.store.folder import SEMAMBA, describe
from ...models.store.registry import find_folder
from ...models.wave import WaveModel
from .measurements import LEVEL

#: Rate of SEMamba in Hz.
_PARENT_RATE = 16_000


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
        name: a preset, a model folder, an id of the Hub, or ``semamba``.
        seconds: of noise.

    Raises:
        InputError: there is no such model.
    """
    if name in PRESETS:
        return _ours(LiteAVSEMamba(PRESETS[name].offline()), seconds)
    if name == SEMAMBA:
        return _parent(SEMamba(SEMambaConfig()), seconds)
    found = describe(find_folder(name))
    if found.kind == SEMAMBA:
        return _parent(SEMamba(from_table(SEMambaConfig, found.table, f"'{name}'")), seconds)
    return _ours(LiteAVSEMamba(found.config().offline()), seconds)


def _ours(net: LiteAVSEMamba, seconds: float) -> WholeForm:
    model, config = WaveModel(net).eval(), net.config
    frames = max(1, round(seconds * config.stft.frames_per_second))
    wave = LEVEL * torch.randn(1, frames * config.stft.hop)
    embedding, age_s = torch.randn(1, frames, config.visual.embedding_size), torch.zeros(1, frames)
    return WholeForm(net, frames / config.stft.frames_per_second, lambda: model(wave, embedding, age_s))


def _parent(net: SEMamba, seconds: float) -> WholeForm:
    wave = LEVEL * torch.randn(1, round(seconds * _PARENT_RATE))
    return WholeForm(net.eval(), seconds, lambda: enhance_offline(net, wave))

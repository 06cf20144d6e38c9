"""Large networks that predict opinions without a reference: UTMOS, NISQA and SCOREQ.

None of them is a dependency: each is used where its package is installed, and asked for by name. Their
weights come from their authors' servers at the first use.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from ...errors import InputError
from .intrusive import SAMPLE_RATE, Wave

Predict = Callable[[Wave], dict[str, float]]

#: NISQA's own order of its five dimensions.
NISQA_NAMES = ("nisqa_mos", "nisqa_noisiness", "nisqa_discontinuity", "nisqa_coloration", "nisqa_loudness")

#: What to install for each. NISQA's own package pins old versions of everything; torchmetrics has it too.
PACKAGES = {"utmos": "utmos-pytorch", "nisqa": "torchmetrics[audio]", "scoreq": "scoreq-pytorch"}
_MODULES = {"utmos": "utmos_pytorch", "nisqa": "torchmetrics", "scoreq": "scoreq_pytorch"}


def require(name: str) -> None:
    """Find out before the first recording whether a predictor can be used.

    Raises:
        InputError: its package is not installed.
    """
    if find_spec(_MODULES[name]) is None:
        raise InputError(f"{name} needs a package of its own: pip install '{PACKAGES[name]}'")


def predict(name: str, wave: Wave) -> dict[str, float]:
    """Predict the opinion of a recording.

    Args:
        name: ``utmos`` (Saeki et al., Interspeech 2022), ``nisqa`` (Mittag et al., Interspeech 2021) or
            ``scoreq`` (Ragano et al., NeurIPS 2024: natural speech, no reference).
        wave: float ``[samples]`` at 16 kHz.

    Raises:
        InputError: its package is not installed, or its weights cannot be had.
    """
    return _loaded(name)(wave)


@cache
def _loaded(name: str) -> Predict:
    require(name)
    try:
        return _LOADERS[name]()
    except (ImportError, OSError) as error:
        raise InputError(f"{name} cannot be loaded: {error}") from error


def _load_utmos() -> Predict:
    model = import_module("utmos_pytorch").UTMOSScoreTorch()
    return lambda wave: {"utmos": float(model.score(_batch(wave)))}


def _load_scoreq() -> Predict:
    model = import_module("scoreq_pytorch").SCOREQScoreTorch(data_domain="natural", mode="nr")
    return lambda wave: {"scoreq": float(model.score(_batch(wave)))}


def _load_nisqa() -> Predict:
    assess = import_module("torchmetrics.functional.audio.nisqa").non_intrusive_speech_quality_assessment
    return lambda wave: dict(zip(NISQA_NAMES, assess(_batch(wave)[0], SAMPLE_RATE).tolist(), strict=True))


def _batch(wave: Wave) -> Any:
    """A torch tensor, float32 ``[1, samples]``."""
    import torch

    return torch.from_numpy(np.array(wave, np.float32))[None]


_LOADERS: dict[str, Callable[[], Predict]] = {
    "utmos": _load_utmos,
    "nisqa": _load_nisqa,
    "scoreq": _load_scoreq,
}

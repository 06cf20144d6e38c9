"""What listeners would say of a recording, predicted by networks without a reference.

DNSMOS P.835 rates speech, background and whole: C. K. A. Reddy, V. Gopal and R. Cutler, "DNSMOS P.835: A
Non-Intrusive Perceptual Objective Speech Quality Metric to Evaluate Noise Suppressors", ICASSP 2022; P.808 is
the one rating of its predecessor (ICASSP 2021). Their networks come in the authors' package `speechmos`, of
which only these files are used: its code asks for librosa, pandas and requests.

UTMOS, NISQA and SCOREQ are larger networks. None of them is a dependency: each is used where its package is
installed, and asked for by name. Their weights come from their authors' servers at the first use.
"""

import math
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from ...core.extras import needs_extra
from ...errors import InputError
from .intrusive import SAMPLE_RATE, Wave, is_silent
from .mel import mel_decibels

Predict = Callable[[Wave], dict[str, float]]

#: Length that the network hears at once, and the step from one piece of a longer recording to the next.
PIECE = int(9.01 * SAMPLE_RATE)
STEP = SAMPLE_RATE

#: Polynomials from the network's outputs to mean opinion scores, highest power first: of the authors'
#: ``dnsmos_local.py``.
CALIBRATION = {
    "dnsmos_sig": (-0.08397278, 1.22083953, 0.0052439),
    "dnsmos_bak": (-0.13166888, 1.60915514, -0.39604546),
    "dnsmos_ovrl": (-0.06766283, 1.11546468, 0.04602535),
}

#: The file of each network, and how much of a piece the one of P.808 does without, in samples.
_PRIMARY, _P808, _P808_LESS = "sig_bak_ovr.onnx", "model_v8.onnx", 160

#: NISQA's own order of its five dimensions.
NISQA_NAMES = ("nisqa_mos", "nisqa_noisiness", "nisqa_discontinuity", "nisqa_coloration", "nisqa_loudness")

#: What to install for each. NISQA's own package pins old versions of everything; torchmetrics has it too.
PACKAGES = {"utmos": "utmos-pytorch", "nisqa": "torchmetrics[audio]", "scoreq": "scoreq-pytorch"}
_MODULES = {"utmos": "utmos_pytorch", "nisqa": "torchmetrics", "scoreq": "scoreq_pytorch"}


def require(name: str) -> None:
    """Find out before the first recording whether a predictor can be used.

    Args:
        name: ``dnsmos``, or a key of `PACKAGES`.

    Raises:
        InputError: its package is not installed.
    """
    if name == "dnsmos":
        for network in (_PRIMARY, _P808):
            _network_file(network)
    elif find_spec(_MODULES[name]) is None:
        raise InputError(f"{name} needs a package of its own: pip install '{PACKAGES[name]}'")


def dnsmos(wave: Wave) -> dict[str, float]:
    """Predict the ratings of a recording.

    Args:
        wave: float ``[samples]`` at 16 kHz; what exceeds [-1, 1] is clipped. A recording shorter than 9.01 s
            is repeated, a longer one heard in pieces, as the authors do.

    Returns:
        ``dnsmos_sig``, ``dnsmos_bak``, ``dnsmos_ovrl`` and ``dnsmos_p808``, about 1 to 5; NaN where silent.

    Raises:
        InputError: the package `speechmos` is not installed.
    """
    primary, p808 = _session(_PRIMARY), _session(_P808)
    if is_silent(wave):
        return dict.fromkeys((*CALIBRATION, "dnsmos_p808"), math.nan)
    heard = np.clip(wave, -1.0, 1.0).astype(np.float32)
    while heard.size < PIECE:
        heard = np.concatenate([heard, heard])
    # Whole seconds less 9.01, rounded down, plus one: the last second or so may go unheard.
    count = int(heard.size // SAMPLE_RATE - PIECE / SAMPLE_RATE) + 1
    pieces = [heard[index * STEP : index * STEP + PIECE] for index in range(count)]
    raw = np.array([primary.run(None, {"input_1": piece[None]})[0][0] for piece in pieces], np.float64)
    ratings = {
        name: float(np.mean(np.polyval(polynomial, raw[:, column])))
        for column, (name, polynomial) in enumerate(CALIBRATION.items())
    }
    heard_by_p808 = (mel_decibels(piece[:-_P808_LESS])[None] for piece in pieces)
    overall = [float(p808.run(None, {"input_1": bands})[0][0][0]) for bands in heard_by_p808]
    return {**ratings, "dnsmos_p808": float(np.mean(overall))}


@cache
def _session(network: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        str(_network_file(network)), options, providers=["CPUExecutionProvider"]
    )


def _network_file(network: str) -> Path:
    package = find_spec("speechmos")
    if package is None or not package.submodule_search_locations:
        raise needs_extra("DNSMOS", "bench", "no speechmos")
    return Path(package.submodule_search_locations[0]) / "dnsmos_models" / network


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
        raise InputError(
            f"{name} cannot be loaded ({error}): its package fetches its weights at the first use, so run it "
            "once where there is a network, or install what it names"
        ) from error


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

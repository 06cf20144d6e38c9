"""DNSMOS P.835: what listeners would say of speech, background and whole, predicted without a reference.

C. K. A. Reddy, V. Gopal and R. Cutler, "DNSMOS P.835: A Non-Intrusive Perceptual Objective Speech Quality
Metric to Evaluate Noise Suppressors", ICASSP 2022. The network comes in the authors' package `speechmos`, of
which only that file is used: its code asks for librosa, pandas and requests.
"""

import math
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime

from ...errors import InputError
from .intrusive import SAMPLE_RATE, Wave, is_silent

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


def require() -> None:
    """Find out before the first recording whether the network is there.

    Raises:
        InputError: the package that carries it is not installed.
    """
    _network_file()


def dnsmos(wave: Wave) -> dict[str, float]:
    """Predict the three ratings of a recording.

    Args:
        wave: float ``[samples]`` at 16 kHz; what exceeds [-1, 1] is clipped. A recording shorter than 9.01 s
            is repeated, a longer one heard in pieces, as the authors do.

    Returns:
        ``dnsmos_sig``, ``dnsmos_bak`` and ``dnsmos_ovrl``, about 1 to 5; NaN for silence.

    Raises:
        InputError: the package `speechmos` is not installed.
    """
    session = _session()
    if is_silent(wave):
        return dict.fromkeys(CALIBRATION, math.nan)
    heard = np.clip(wave, -1.0, 1.0).astype(np.float32)
    while heard.size < PIECE:
        heard = np.concatenate([heard, heard])
    # Whole seconds less 9.01, rounded down, plus one: the last second or so may go unheard.
    count = int(heard.size // SAMPLE_RATE - PIECE / SAMPLE_RATE) + 1
    pieces = [heard[index * STEP : index * STEP + PIECE] for index in range(count)]
    raw = np.array([session.run(None, {"input_1": piece[None]})[0][0] for piece in pieces], np.float64)
    return {
        name: float(np.mean(np.polyval(polynomial, raw[:, column])))
        for column, (name, polynomial) in enumerate(CALIBRATION.items())
    }


@cache
def _session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(_network_file(), options, providers=["CPUExecutionProvider"])


def _network_file() -> Path:
    package = find_spec("speechmos")
    if package is None or not package.submodule_search_locations:
        raise InputError("DNSMOS needs the package speechmos: pip install 'lipstream[bench]'")
    return Path(package.submodule_search_locations[0]) / "dnsmos_models" / "sig_bak_ovr.onnx"

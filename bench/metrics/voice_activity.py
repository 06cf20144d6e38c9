"""How well speech is told from noise: Silero's voice activity detector, and the area under its ROC.

Voice agents decide by it when somebody speaks. Its graph comes with silero-vad (MIT) and with Pipecat.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from ...errors import InputError
from .intrusive import SAMPLE_RATE, Wave

#: Samples that the detector hears at once, and those before them that it hears once more.
FRAME, CONTEXT = 512, 64
#: From this probability on, the detector takes a frame for speech.
SPEECH = 0.5

_FOLDERS = {"silero_vad": "data", "pipecat": "audio/vad/data"}

Float64 = npt.NDArray[np.float64]


def speech_probabilities(wave: Wave) -> Float64:
    """The probability of speech in each frame of 32 ms, by Silero's detector from its start.

    Args:
        wave: float ``[samples]`` at 16 kHz.

    Returns:
        float64 ``[samples // 512]``, in [0, 1].

    Raises:
        InputError: the detector is not installed.
    """
    session = _session()
    state, before = np.zeros((2, 1, 128), np.float32), np.zeros(CONTEXT, np.float32)
    rate = np.array(SAMPLE_RATE, np.int64)
    found = []
    for frame in wave[: wave.size // FRAME * FRAME].astype(np.float32).reshape(-1, FRAME):
        heard = np.concatenate([before, frame])[None]
        probability, state = session.run(None, {"input": heard, "state": state, "sr": rate})
        before = frame[-CONTEXT:]
        found.append(float(probability[0, 0]))
    return np.array(found, np.float64)


def area_under_roc(scores: Float64, is_speech: npt.NDArray[np.bool_]) -> float:
    """The chance that a frame of speech has a higher score than one without, ties counting half.

    It is the area under the receiver operating characteristic (J. A. Hanley, B. J. McNeil, Radiology 143(1),
    1982), and depends on no threshold.

    Returns:
        0 to 1, 0.5 by chance; NaN where all frames are of one kind.
    """
    speech, other = scores[is_speech], np.sort(scores[~is_speech])
    if not (speech.size and other.size):
        return float("nan")
    below, up_to = np.searchsorted(other, speech, "left"), np.searchsorted(other, speech, "right")
    return float(np.mean(below + up_to) / (2 * other.size))


@cache
def _session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(_network_file(), options, providers=["CPUExecutionProvider"])


def _network_file() -> Path:
    for name, folder in _FOLDERS.items():
        package = find_spec(name)
        for place in (package.submodule_search_locations or []) if package else []:
            path = Path(place) / folder / "silero_vad.onnx"
            if path.is_file():
                return path
    raise InputError(
        "the voice activity detector is not installed: pip install --no-deps silero-vad (its graph is enough)"
    )

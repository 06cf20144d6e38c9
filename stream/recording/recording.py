"""A recorded session as it lies in its folder, and enhancing it again exactly as it was enhanced live."""

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np

from ...core.arrays import Float32
from ...errors import InputError
from ...models.lips.points import POINTS
from ..audio_files import open_audio
from ..enhancer import Enhancer
from ..runtimes.base import LipsKind

NOISY, CLEAN, LIPS, LIPS_VIDEO, SESSION = "noisy.wav", "clean.wav", "lips.npy", "lips.mkv", "session.json"


@dataclass(frozen=True)
class RecordingInfo:
    """What a recording says of itself, in ``session.json``: enough to enhance it again.

    Attributes:
        sample_rate: of both WAV files, in Hz.
        model: name of the preset.
        runtime: name of the runtime.
        atten_limit_db: at the start, as for `Enhancer`.
        latency_samples: how far the enhancer's output lagged; compensated in ``clean.wav``.
        embedding_size: length of a visual embedding.
        lips: what the model saw of a face: "crops" or "landmarks".
    """

    sample_rate: int
    model: str
    runtime: str
    atten_limit_db: float
    latency_samples: int
    embedding_size: int
    lips: LipsKind = "crops"

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Read it back.

        Raises:
            InputError: no recording there.
        """
        try:
            return cls(**json.loads((folder / SESSION).read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{folder} holds no recording of a live session ({error})") from error


def lips_row(info: RecordingInfo) -> np.dtype[Any]:
    """A row of ``lips.npy``: one video frame as the enhancer got it.

    ``sample``: how many input samples the enhancer had taken when it got the frame; ``time_s``: when the
    frame was captured, in seconds of input; ``landmarks``: float32 ``[44, 3]``, or for a model that sees
    crops ``embedding``: float32 ``[embedding_size]``.
    """
    return np.dtype([("sample", "<i8"), ("time_s", "<f8"), (_lips_field(info), "<f4", _lips_shape(info))])


def _lips_field(info: RecordingInfo) -> str:
    return "landmarks" if info.lips == "landmarks" else "embedding"


def _lips_shape(info: RecordingInfo) -> tuple[int, ...]:
    return (len(POINTS), 3) if info.lips == "landmarks" else (info.embedding_size,)


def replay(folder: Path, enhancer: Enhancer | None = None) -> Float32:
    """Enhance a recording again, offline: what ``clean.wav`` holds, where no control was touched meanwhile.

    A frame counts from the moment the enhancer got it, so each is given at the same sample as it was live.

    Args:
        folder: of the recording.
        enhancer: a fresh one to use in place of one with the settings of the session.

    Returns:
        float32 ``[n]``, as long as ``noisy.wav`` and aligned with it.

    Raises:
        InputError: no recording there, it cannot be read, or its lips are of a kind the model does not see.
    """
    info = RecordingInfo.of(folder)
    if enhancer is None:
        enhancer = Enhancer(info.model, info.sample_rate, info.runtime, info.atten_limit_db)
    with open_audio(folder / NOISY) as reader:
        noisy = np.concatenate([block[:, 0] for block in reader.blocks(info.sample_rate)])
    rows = np.load(folder / LIPS)
    if len(rows) and enhancer.lips != info.lips:
        raise InputError(
            f"{folder} holds lips as {info.lips} and the model now sees {enhancer.lips}: "
            f"clean {folder / NOISY} with 'lipstream enhance', audio-only"
        )
    cuts = [*np.minimum(rows["sample"], len(noisy)), len(noisy)]
    pieces = [enhancer.process(noisy[: cuts[0]])]
    for row, (start, end) in zip(rows, pairwise(cuts), strict=True):
        pieces.append(enhancer.process(noisy[start:end], [(float(row["time_s"]), row[_lips_field(info)])]))
    pieces.append(enhancer.flush())
    return np.concatenate(pieces)[enhancer.latency_samples :]

"""What happens to video on its way: the degradations that teach the VCE when not to look.

A clip is seen through a `VideoView`: crops, and for each audio frame the newest crop and its age.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from ...errors import InputError
from ...models.store.registry import NO_VIDEO_AGE_S

UInt8 = npt.NDArray[np.uint8]


#: Things that can happen to a clip.
_KINDS = 9


@dataclass(frozen=True)
class DegradeConfig:
    """Weights of what happens to a clip, and how late its video may be (in video frames).

    ``weights``: untouched, black, dropped frames, Gaussian noise, blur, dim, frozen, another speaker, none.
    """

    weights: tuple[float, ...] = (0.56, 0.08, 0.08, 0.06, 0.05, 0.04, 0.05, 0.05, 0.03)
    max_delay_frames: int = 4

    def __post_init__(self) -> None:
        if len(self.weights) != _KINDS or min(self.weights) < 0 or sum(self.weights) == 0:
            raise InputError(f"video.degrade.weights needs {_KINDS} numbers of at least 0, not all 0")
        if self.max_delay_frames < 0:
            raise InputError("video.degrade.max_delay_frames must be at least 0")


class VideoView(NamedTuple):
    """A clip as the network gets to see it.

    Attributes:
        crops: uint8 ``[Tv, 96, 96, 3]``.
        newest: int64 ``[T]``, for each audio frame the newest crop; 0 where there is none.
        age_s: float32 ``[T]``, how old it is; `NO_VIDEO_AGE_S` where there is none.
        trust: what alpha should learn: 1.0 where the lips help, 0.0 where there are none to be seen, NaN
            where video alone cannot tell (another person's lips look as good).
        lips: whether moving lips are to be seen at all, anybody's.
    """

    crops: UInt8
    newest: npt.NDArray[np.int64]
    age_s: npt.NDArray[np.float32]
    trust: float
    lips: bool


def hold(
    times_s: npt.NDArray[np.float64], usable: npt.NDArray[np.bool_], frames: int, frame_s: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Zero-order hold: the newest usable video frame at the end of each audio frame, and its age in seconds.

    Args:
        times_s: capture time of each video frame since the start of the audio, rising.
        usable: whether a frame has a crop.
        frames: number of audio frames.
        frame_s: seconds from one to the next.

    Returns:
        ``newest [frames]`` (0 where there is none yet) and ``age_s [frames]`` (`NO_VIDEO_AGE_S` there).
    """
    kept = np.flatnonzero(usable)
    ends = (np.arange(frames) + 1) * frame_s
    found = np.searchsorted(times_s[kept], ends + 1e-9, side="right") - 1
    if not len(kept):
        return np.zeros(frames, np.int64), np.full(frames, NO_VIDEO_AGE_S, np.float32)
    newest = kept[np.maximum(found, 0)]
    age_s = np.where(found >= 0, ends - times_s[newest], NO_VIDEO_AGE_S)
    return np.where(found >= 0, newest, 0).astype(np.int64), age_s.astype(np.float32)


def degrade(
    crops: UInt8,
    other: UInt8,
    times_s: npt.NDArray[np.float64],
    usable: npt.NDArray[np.bool_],
    frames: int,
    frame_s: float,
    config: DegradeConfig,
    rng: np.random.Generator,
) -> VideoView:
    """Draw what happens to a clip.

    Args:
        crops: ``[Tv, 96, 96, 3]`` of the target speaker.
        other: as many crops of somebody else.
        times_s, usable, frames, frame_s: see `hold`.
        config: how likely each degradation is.
        rng: drives it.
    """
    weights = np.array(config.weights)
    kind = int(rng.choice(len(weights), p=weights / weights.sum()))
    delay = int(rng.integers(0, config.max_delay_frames + 1))
    shown = np.maximum(np.arange(len(crops)) - delay, 0)
    crops, usable, trust = crops[shown], usable[shown], 1.0
    if kind == 1:
        crops, trust = np.zeros_like(crops), 0.0
    elif kind == 2:
        usable &= rng.random(len(usable)) > rng.uniform(0.1, 0.7)
    elif kind == 3:
        noise = rng.standard_normal(crops.shape, dtype=np.float32) * rng.uniform(5, 40)
        crops = np.clip(crops + noise, 0, 255).astype(np.uint8)
    elif kind == 4:
        sigma = rng.uniform(1.0, 4.0)
        crops = np.stack([cv2.GaussianBlur(crop, (0, 0), sigma) for crop in crops]).astype(np.uint8)
    elif kind == 5:
        crops = (crops * rng.uniform(0.15, 0.6)).astype(np.uint8)
    elif kind == 6:
        usable[1:] = False  # a video frame that repeats is no news: a stream lets it age
    elif kind == 7:
        crops, trust = other, math.nan
    elif kind == 8:
        usable[:] = False
    newest, age_s = hold(times_s, usable, frames, frame_s)
    lips = kind not in (1, 6, 8)  # black, frozen, none
    return VideoView(crops, newest, age_s, trust, lips)

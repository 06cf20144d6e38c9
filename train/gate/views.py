"""What can be the matter with the picture of a talking face, in ways that never change: for judging."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from ...core.arrays import Float32
from ...models.lips.points import MIRRORED, TICK_S
from ...models.store.registry import NO_VIDEO_AGE_S

#: Ticks that a late picture is late: 0.48 s.
_LATE = 12
#: Ticks from one picture to the next at 5 frames a second.
_SLOW = 5
#: Of every second, in ticks, what comes before pictures are dropped.
_KEPT, _SECOND = 12, 25

Int64 = npt.NDArray[np.int64]


def _every_tick(landmarks: Float32) -> Int64:
    return np.arange(len(landmarks))


def _first_face(landmarks: Float32) -> int:
    return int(np.argmax(landmarks.any(axis=(1, 2))))


#: For each tick, the tick whose picture is seen.
_SHOWN: Mapping[str, Callable[[Float32], Int64]] = {
    "right": _every_tick,
    "mirrored": _every_tick,
    "wrong person": _every_tick,
    "late 0.48 s": lambda landmarks: np.maximum(_every_tick(landmarks) - _LATE, 0),
    "still": lambda landmarks: np.full(len(landmarks), _first_face(landmarks)),
    "frozen half way": lambda landmarks: np.minimum(_every_tick(landmarks), len(landmarks) // 2),
    "5 fps": lambda landmarks: _every_tick(landmarks) // _SLOW * _SLOW,
    "dropped": lambda landmarks: _last_kept(_every_tick(landmarks)),
}
#: Those that tell how old a picture is; with the others a camera claims that each is new.
_AGEING = ("5 fps", "dropped")
#: In the order of the table.
CONDITIONS = tuple(_SHOWN)


def _last_kept(ticks: Int64) -> Int64:
    return ticks - np.maximum(ticks % _SECOND - (_KEPT - 1), 0)


def seen_as(condition: str, own: Float32, other: Float32) -> tuple[Float32, Float32]:
    """A face under a condition.

    Args:
        condition: one of `CONDITIONS`.
        own: float32 ``[T, 44, 3]``, landmarks of the speaker at each tick; zeros where no face was found.
        other: of somebody else, ``[any, 44, 3]``; repeated where it is shorter.

    Returns:
        Landmarks float32 ``[T, 44, 3]`` and the age of each in seconds, float32 ``[T]``.
    """
    ticks = _every_tick(own)
    face = other[ticks % len(other)] if condition == "wrong person" else own
    if condition == "mirrored":
        face = face[:, list(MIRRORED)] * np.array([-1.0, 1.0, 1.0], np.float32)
    shown = _SHOWN[condition](own)
    landmarks = face[shown]
    age_s = TICK_S * (ticks - shown) if condition in _AGEING else np.zeros(len(ticks))
    there = landmarks.any(axis=(1, 2))
    return landmarks, np.where(there, age_s, NO_VIDEO_AGE_S).astype(np.float32)

"""What can be the matter with the picture of a talking face, in ways that never change: for judging."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...core.arrays import Float32
from ...models.config import CUE_SIZE, preset
from ...models.lips.points import MIRRORED, TICK_S
from ...models.store.registry import NO_VIDEO_AGE_S, StreamSpec
from ...stream.landmarks_timeline import LandmarksTimeline
from ...stream.video.frames import LipFrame

#: Ticks that a late picture is late: 0.48 s.
_LATE = 12
#: Ticks from one picture to the next at 5 frames a second.
_SLOW = 5
#: Of every second, in ticks, what comes before pictures are dropped.
_KEPT, _SECOND = 12, 25

#: Of a model that sees landmarks.
_SPEC = StreamSpec.of(preset("lite"))

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
    "black": _every_tick,
    "bigger second face": _every_tick,
    "late 0.48 s": lambda landmarks: np.maximum(_every_tick(landmarks) - _LATE, 0),
    "late 200 ms, auto": _every_tick,
    "early 200 ms, auto": _every_tick,
    "identical still": lambda landmarks: np.full(len(landmarks), _first_face(landmarks)),
    "H.264 still": _every_tick,
    "frozen half way": lambda landmarks: np.minimum(_every_tick(landmarks), len(landmarks) // 2),
    "5 fps": lambda landmarks: _every_tick(landmarks) // _SLOW * _SLOW,
    "dropped": lambda landmarks: _last_kept(_every_tick(landmarks)),
}
#: Those that tell how old a picture is; with the others a camera claims that each is new.
_AGEING = ("5 fps", "dropped")
#: In the order of the table.
CONDITIONS = tuple(_SHOWN)
#: How late the video is of which --av-offset auto is to find the offset, in ticks.
AUTO = {"late 200 ms, auto": 5, "early 200 ms, auto": -5}


def _last_kept(ticks: Int64) -> Int64:
    return ticks - np.maximum(ticks % _SECOND - (_KEPT - 1), 0)


class People(NamedTuple):
    """Who is to be seen, landmarks ``[T, 44, 3]`` each, at each tick; zeros where no face was found.

    Attributes:
        own: the speaker.
        other: somebody else, ``[any, 44, 3]``; repeated where it is shorter.
        photograph: the speaker's first picture, filmed, as noisy and coarse as H.264 makes it.
        chosen: of the speaker and the other, larger and beside, the face that is chosen.
        residual: ticks that the speaker is still late where `AUTO` has done what it can.
    """

    own: Float32
    other: Float32
    photograph: Float32
    chosen: Float32
    residual: Mapping[str, int]


def seen_as(condition: str, people: People) -> tuple[Float32, Float32]:
    """A face under a condition.

    Args:
        condition: one of `CONDITIONS`.
        people: who is to be seen.

    Returns:
        Landmarks float32 ``[T, 44, 3]`` and the age of each in seconds, float32 ``[T]``.
    """
    ticks = _every_tick(people.own)
    face = people.own
    if condition == "wrong person":
        face = people.other[ticks % len(people.other)]
    elif condition == "mirrored":
        face = face[:, list(MIRRORED)] * np.array([-1.0, 1.0, 1.0], np.float32)
    elif condition == "black":
        face = np.zeros_like(face)
    elif condition == "bigger second face":
        face = people.chosen
    elif condition == "H.264 still":
        face = people.photograph
    elif condition in AUTO:
        face = face[(ticks - people.residual[condition]).clip(0, len(ticks) - 1)]
    shown = _SHOWN[condition](people.own)
    landmarks = face[shown]
    age_s = TICK_S * (ticks - shown) if condition in _AGEING else np.zeros(len(ticks))
    there = landmarks.any(axis=(1, 2))
    return landmarks, np.where(there, age_s, NO_VIDEO_AGE_S).astype(np.float32)


def as_counted(landmarks: Float32, age_s: Float32) -> tuple[Float32, Float32]:
    """What encoder C gets of these at each tick, as `LandmarksTimeline` lets only movement count.

    Args:
        landmarks, age_s: as `seen_as` gives them.
    """
    given: list[tuple[Float32, float]] = []

    def see(points: Float32, points_age_s: float) -> Float32:
        given.append((points, points_age_s))
        return np.zeros(CUE_SIZE, np.float32)

    timeline = LandmarksTimeline(_SPEC, see)
    shown, ages_s = np.zeros_like(landmarks), np.full_like(age_s, NO_VIDEO_AGE_S)
    for tick, (points, points_age_s) in enumerate(zip(landmarks, age_s, strict=True)):
        if points_age_s < NO_VIDEO_AGE_S:
            timeline.add([LipFrame(tick, TICK_S * tick - float(points_age_s), landmarks=points)])
        given.clear()
        timeline.at(TICK_S * tick, True)
        if given:
            shown[tick], ages_s[tick] = given[0]
    return shown, ages_s

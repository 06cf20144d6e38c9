"""Several faces in a video frame: whose lips to read."""

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ....core.arrays import Float32
from .crop import LEFT_EYE, RIGHT_EYE

UPPER_LIP, LOWER_LIP = 13, 14  # inner edges


#: How far a face may move from frame to frame and still be the same, in eye distances.
REACH = 1.0
#: A face unseen for longer, in seconds, is gone.
FORGET_AFTER_S = 1.0
#: Time constant over which the movement of a mouth is averaged.
ACTIVITY_S = 0.7
#: Change of the mouth opening, in eye distances a second, that speech exceeds.
MIN_ACTIVITY = 0.15
#: What the mouth of a photograph stays below: 0.005 where it is noisy and coarse.
STILL_ACTIVITY = 0.03
#: How many times as much as the chosen mouth another one must move to take over, and for how many seconds.
RATIO, SWITCH_AFTER_S = 2.0, 0.8
#: Seconds of mouth and sound that are compared, how often, and by how much more another mouth must agree to
#: take over. Of speakers of the GRID corpus, 6 s each, 88 % agree better with their sound than somebody else
#: does; somebody else leads by so much in none of 90, at 5 dB of noise in 4 %.
HEARD_S, HEARD_EVERY_S, HEARD_LEAD = 6.0, 0.5, 0.1

#: How well a mouth goes with the sound, of its times in seconds and openings: see `HeardSound.agreement`.
Agreement = Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], float | None]


class ChosenFace(NamedTuple):
    """A face of one frame.

    Attributes:
        track: the same number for the same face, from frame to frame.
        landmarks: float32 ``[478, 3]``.
    """

    track: int
    landmarks: Float32


@dataclass(frozen=True)
class _Track:
    """A face followed from frame to frame; activity is the smoothed |change of the opening| a second."""

    number: int
    centre: complex
    eye_distance: float
    opening: float
    activity: float
    seen_s: float


class FaceChooser:
    """Follows the faces of one camera and picks the speaker's, by movement and, where it is heard, by sound.

    Args:
        agreement: tells of a mouth how well it goes with the sound; None: the sound is not known here.
    """

    def __init__(self, agreement: Agreement | None = None) -> None:
        self._agreement = agreement
        self._mouths: dict[int, deque[tuple[float, float]]] = {}  # times and openings by number of the track
        self._agreements: dict[int, float] = {}
        self._heard_s = -math.inf
        self._tracks: list[_Track] = []
        self._count = 0
        self._chosen: int | None = None
        self._challenger: tuple[int, float] | None = None  # and since when it moves more

    def update(self, faces: Sequence[Float32], time_s: float) -> ChosenFace | None:
        """Choose among the faces of the next frame.

        Args:
            faces: landmarks of each, float32 ``[478, 3]`` in pixels, see `FaceFinder.detect`.
            time_s: when it was captured, in seconds; rises from frame to frame.

        Returns:
            The chosen face; None where there is none, or while the one chosen before may still come back.
        """
        seen = self._follow([face for face in faces if mouth_opening(face) is not None], time_s)
        if self._chosen not in {track.number for track in self._tracks}:
            self._chosen = None
        self._choose([track for track in self._tracks if track.number in seen], time_s)
        return None if self._chosen not in seen else ChosenFace(self._chosen, seen[self._chosen])

    def _follow(self, faces: Sequence[Float32], time_s: float) -> dict[int, Float32]:
        """Bring the tracks up to date; the faces of this frame by their track's number."""
        known = {track.number: track for track in self._tracks if time_s - track.seen_s <= FORGET_AFTER_S}
        near = sorted(
            (abs(_centre(face) - track.centre) / track.eye_distance, index, track.number)
            for index, face in enumerate(faces)
            for track in known.values()
        )
        number_of: dict[int, int] = {}
        for distance, index, number in near:
            if distance <= REACH and index not in number_of and number not in number_of.values():
                number_of[index] = number
        seen = {}
        for index, face in enumerate(faces):
            if index in number_of:
                track = _followed(known[number_of[index]], face, time_s)
            else:
                self._count += 1
                track = _Track(self._count, _centre(face), _eye_distance(face), _opening(face), 0.0, time_s)
            known[track.number] = track
            seen[track.number] = face
        self._tracks = list(known.values())
        for number in self._mouths.keys() - known.keys():
            del self._mouths[number]
        for number in seen:
            mouth = self._mouths.setdefault(number, deque())
            mouth.append((time_s, known[number].opening))
            while mouth[0][0] < time_s - HEARD_S:
                mouth.popleft()
        return seen

    def _choose(self, present: Sequence[_Track], time_s: float) -> None:
        """Settle which track counts."""
        if not present:
            return
        if self._chosen is None:
            self._chosen = max(present, key=lambda track: (track.activity, track.eye_distance)).number
            self._challenger = None
            return
        current = next(track for track in self._tracks if track.number == self._chosen)
        rival = self._rival(current, present, time_s)
        if rival is None:
            self._challenger = None
        elif current.activity < STILL_ACTIVITY:  # perhaps a photograph: nobody is waited for
            self._chosen, self._challenger = rival.number, None
        elif self._challenger is None or self._challenger[0] != rival.number:
            self._challenger = rival.number, time_s
        elif time_s - self._challenger[1] >= SWITCH_AFTER_S:
            self._chosen, self._challenger = rival.number, None

    def _rival(self, current: _Track, present: Sequence[_Track], time_s: float) -> _Track | None:
        """Who should be chosen instead, if it goes on like this."""
        self._listen([track.number for track in present], time_s)
        heard, own = self._agreements, self._agreements.get(current.number)
        if own is not None:
            best = max(present, key=lambda track: heard.get(track.number, -1.0))
            if heard.get(best.number, -1.0) > own + HEARD_LEAD and best.activity >= STILL_ACTIVITY:
                return best
        mover = max(present, key=lambda track: track.activity)
        if mover.number == current.number or mover.activity < max(MIN_ACTIVITY, RATIO * current.activity):
            return None
        if own is not None and heard.get(mover.number, 1.0) < own and current.activity >= STILL_ACTIVITY:
            return None  # moves, but says something else than what is heard
        return mover

    def _listen(self, numbers: Sequence[int], time_s: float) -> None:
        """Compare each of several mouths with the sound, if it is time to."""
        if self._agreement is None or len(numbers) < 2 or time_s < self._heard_s + HEARD_EVERY_S:
            return
        self._heard_s = time_s
        found = {number: self._agreement(*np.array(self._mouths[number]).T) for number in numbers}
        self._agreements = {number: score for number, score in found.items() if score is not None}


def mouth_opening(landmarks: Float32) -> float | None:
    """Distance of the inner lips in distances of the outer eye corners; None where that is no number."""
    opening = _opening(landmarks)
    return opening if math.isfinite(opening) else None


def _followed(track: _Track, face: Float32, time_s: float) -> _Track:
    elapsed_s = max(time_s - track.seen_s, 1e-3)
    opening = _opening(face)
    weight = 1 - math.exp(-elapsed_s / ACTIVITY_S)
    speed = abs(opening - track.opening) / elapsed_s
    return replace(
        track,
        centre=_centre(face),
        eye_distance=_eye_distance(face),
        opening=opening,
        activity=track.activity + weight * (speed - track.activity),
        seen_s=time_s,
    )


def _centre(face: Float32) -> complex:
    return complex(*face[[LEFT_EYE, RIGHT_EYE], :2].mean(axis=0))


def _eye_distance(face: Float32) -> float:
    return float(np.hypot(*(face[RIGHT_EYE, :2] - face[LEFT_EYE, :2])))


def _opening(face: Float32) -> float:
    eyes = _eye_distance(face)
    return float(np.hypot(*(face[LOWER_LIP, :2] - face[UPPER_LIP, :2]))) / eyes if eyes > 0 else math.nan

"""Which landmarks count when: ticks for their encoder, and an age that only movement takes back."""

from collections.abc import Callable
from math import inf

import numpy as np

from ..core.arrays import Float32
from ..errors import InputError
from ..models.lips.points import POINTS, TICK_S
from .lips_input import WaitingLips, described
from .runtimes.base import NO_VIDEO_AGE_S, StreamSpec
from .video.frames import LipFrame

#: Landmarks that differ by less show the same, as a root mean square over the points in distances of the
#: eyes: against the nose, and as they lie in the picture. Of video frames with one picture, noise and coarse
#: compression (H.264 at CRF 33, MJPEG) 8 % differ by more, of 60 GRID clips 67 %, with no pause above 0.56 s.
STILL_SHAPE, STILL_PLACE = 0.004, 0.01
#: Landmarks this old are no longer shown to the encoder, which by then takes the next face for a new one.
REST_S = 2.0
#: Beyond so many pixels lies no point of a face in any picture.
MOST_PIXELS = 1e5
#: Times nearer than this are the same: a tick and a video frame that were reckoned in different ways.
_SAME_S = 1e-6
_NOSE, _LEFT_EYE, _RIGHT_EYE = (POINTS.index(point) for point in (1, 33, 263))
#: Eye distance in pixels below which there is no face: zeros say so.
_LEAST_EYE_DISTANCE = 1.0


class LandmarksTimeline(WaitingLips):
    """From landmarks of any frame rate to ticks of 25 a second, and from those to hops.

    At each tick the encoder sees the newest landmarks captured by then, and their age. A hop gets the newest
    cue; its age is that of its landmarks at the hop's time. Landmarks never count before they were captured.

    Landmarks that differ from the last ones that counted by no more than a photograph's do (the landmarker's
    trembling, compression) are no news: they are passed over, and the age goes on to rise. So the first
    ones do not count before others show that something moves, and a picture that stands still fades out.

    Args:
        spec: of the model.
        see: one tick of the encoder, as `Runtime.see`. It carries state, so ticks go through it in order.
        on_cue: told of each cue, after when its landmarks were captured, in seconds.
    """

    def __init__(
        self,
        spec: StreamSpec,
        see: Callable[[Float32, float], Float32],
        on_cue: Callable[[float, Float32], None] = lambda captured_s, cue: None,
    ) -> None:
        self._spec, self._see, self._on_cue = spec, see, on_cue
        super().__init__()
        self._none: Float32 = np.zeros(spec.embedding_size, np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget all frames: a new stream begins at time 0."""
        self._forget()
        self._tick = 0
        self._reference: Float32 | None = None  # landmarks that the next ones must differ from
        self._landmarks: Float32 = np.zeros((len(POINTS), 3), np.float32)
        self._captured_s = -inf
        self._cue = self._none
        self._cue_captured_s = -inf

    def at(self, time_s: float, enabled: bool) -> tuple[Float32, float]:
        """The newest cue, float32 ``[embedding_size]``, and the age in seconds of its landmarks at this time.

        The time must not go backwards. While not `enabled`, frames whose moment comes are dropped unseen.
        """
        while (tick_s := self._tick * TICK_S) <= time_s + _SAME_S:
            self._take_frames(tick_s, enabled)
            if tick_s - self._captured_s < REST_S:
                self._cue = self._see(self._landmarks, max(0.0, tick_s - self._captured_s))
                self._cue_captured_s = self._captured_s
                self._on_cue(self._captured_s, self._cue)
            self._tick += 1
        if not enabled or self._cue_captured_s == -inf:
            return self._none, NO_VIDEO_AGE_S
        return self._cue, max(0.0, time_s - self._cue_captured_s)

    def _take_frames(self, tick_s: float, enabled: bool) -> None:
        """Let the frames captured by this tick count, in so far as they are news."""
        for frame in self._due(tick_s + _SAME_S):
            assert frame.landmarks is not None
            if not enabled or not _eye_distance(frame.landmarks) >= _LEAST_EYE_DISTANCE:
                continue
            if self._reference is None:
                self._reference = frame.landmarks
            elif _moved(self._reference, frame.landmarks):
                self._reference = self._landmarks = frame.landmarks
                self._captured_s = frame.time_s

    def _check_frame(self, frame: LipFrame) -> None:
        landmarks = frame.landmarks
        if isinstance(landmarks, np.ndarray):
            shape = (len(POINTS), 3)
            if landmarks.dtype == np.float32 and landmarks.shape == shape:
                if np.abs(landmarks).max() <= MOST_PIXELS:
                    return
                raise InputError(
                    f"landmarks must be finite and in pixels of the picture, within +-{MOST_PIXELS:g}: "
                    "lipstream.LipReader() gives them so"
                )
        given = next((lips for lips in (landmarks, frame.crop, frame.embedding) if lips is not None), None)
        raise InputError(
            f"model '{self._spec.name}' sees face landmarks, float32 [{len(POINTS)}, 3], not "
            f"{described(given)}: lipstream.LipReader() makes them of pictures"
        )


def _moved(before: Float32, after: Float32) -> bool:
    """Whether two sets of landmarks differ by more than those of a photograph do."""
    change = _in_eyes(after) - _in_eyes(before)
    return _rms(change) > STILL_PLACE or _rms(_shape(after) - _shape(before)) > STILL_SHAPE


def _in_eyes(landmarks: Float32) -> Float32:
    """The points in the picture, ``[44, 2]``, in distances of the eyes."""
    return landmarks[:, :2] / np.float32(_eye_distance(landmarks))


def _shape(landmarks: Float32) -> Float32:
    """The points from the nose, ``[44, 2]``, turned level, in distances of the eyes."""
    x, y = (landmarks[_RIGHT_EYE, :2] - landmarks[_LEFT_EYE, :2]) / _eye_distance(landmarks) ** 2
    turn = np.array([[x, -y], [y, x]], np.float32)
    return np.asarray((landmarks[:, :2] - landmarks[_NOSE, :2]) @ turn)


def _eye_distance(landmarks: Float32) -> float:
    return float(np.hypot(*(landmarks[_RIGHT_EYE, :2] - landmarks[_LEFT_EYE, :2])))


def _rms(points: Float32) -> float:
    return float(np.sqrt(np.square(points, dtype=np.float64).sum(axis=1).mean()))

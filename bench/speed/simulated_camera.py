"""A camera in simulated time, and a runtime that notes when its video frames begin to count."""

from dataclasses import dataclass

import numpy as np

from ...core.arrays import Float32, UInt8
from ...models.lips.points import POINTS
from ...stream.dsp.clock import ManualClock
from ...stream.runtimes.base import NO_VIDEO_AGE_S, Runtime, StreamSpec
from ...stream.video.frames import LipFrame
from .measurements import VIDEO_FPS

#: In pixels, of the faces that it shows.
_EYE_DISTANCE = 60.0


class SimulatedCamera:
    """A mailbox that a camera at `VIDEO_FPS` fills: each frame lies there some time after its moment.

    Args:
        clock: simulated time.
        spec: of the model. All numbers of the embedding of frame n are n; or in its landmarks one coordinate
            is n distances of the eyes.
        delay_s: from the moment of a video frame until its lips lie there.
    """

    def __init__(self, clock: ManualClock, spec: StreamSpec, delay_s: float) -> None:
        self._clock = clock
        self._spec = spec
        self._delay_s = delay_s

    def newest_since(self, sequence: int) -> LipFrame | None:
        """See `stream.live.pipeline.LipsSource`."""
        newest = int((self._clock.now() - self._delay_s) * VIDEO_FPS)
        if newest <= max(sequence, 0):
            return None
        if self._spec.lips == "landmarks":
            return LipFrame(newest, newest / VIDEO_FPS, landmarks=_face(newest))
        embedding = np.full(self._spec.embedding_size, newest, np.float32)
        return LipFrame(newest, newest / VIDEO_FPS, embedding=embedding)


def _face(number: int) -> Float32:
    """Landmarks float32 ``[44, 3]`` of video frame ``number``."""
    landmarks = np.zeros((len(POINTS), 3), np.float32)
    landmarks[POINTS.index(263), 0] = _EYE_DISTANCE
    landmarks[0, 0] = number * _EYE_DISTANCE
    return landmarks


@dataclass(frozen=True)
class CameraDelays:
    """How late video frames are, in ms.

    Attributes:
        to_alpha_ms, most_to_alpha_ms: from the moment of a frame until the first hop that is computed with
            it, median and most.
        first_age_ms: how much older than the end of that hop's sound the frame is, median.
        mean_age_ms: the same over all hops: how far the lips lag behind the sound on average.
    """

    to_alpha_ms: float
    most_to_alpha_ms: float
    first_age_ms: float
    mean_age_ms: float

    def values_ms(self) -> tuple[float, float, float, float]:
        """All of them, in this order."""
        return self.to_alpha_ms, self.most_to_alpha_ms, self.first_age_ms, self.mean_age_ms


class Witness:
    """A `Runtime` that passes everything on and notes the video frames of a `SimulatedCamera` among it.

    Args:
        runtime: what does the work.
        clock: simulated time.
        from_s: what happens before is not noted.
    """

    def __init__(self, runtime: Runtime, clock: ManualClock, from_s: float) -> None:
        self.spec = runtime.spec
        self._runtime, self._clock, self._from_s = runtime, clock, from_s
        self.reset()

    @property
    def state_bytes(self) -> int:
        return self._runtime.state_bytes

    def reset(self) -> None:
        self._runtime.reset()
        self._seen = 0
        self._delays_s: list[float] = []
        self._first_ages_s: list[float] = []
        self._ages_s: list[float] = []

    def process_hop(
        self, hop: Float32, embedding: Float32, video_age_s: float, dry: float
    ) -> tuple[Float32, float]:
        if self._clock.now() >= self._from_s and video_age_s < NO_VIDEO_AGE_S:
            frame = round(float(embedding[0]))
            self._ages_s.append(video_age_s)
            if frame != self._seen:
                self._seen = frame
                self._delays_s.append(self._clock.now() - frame / VIDEO_FPS)
                self._first_ages_s.append(video_age_s)
        return self._runtime.process_hop(hop, embedding, video_age_s, dry)

    def encode_lips(self, crop: UInt8) -> Float32:
        return self._runtime.encode_lips(crop)

    def see(self, landmarks: Float32, age_s: float) -> Float32:
        """A cue that tells the video frame, as embeddings do."""
        return np.full(self.spec.embedding_size, landmarks[0, 0] / _EYE_DISTANCE, np.float32)

    def delays(self) -> CameraDelays:
        """Of all video frames noted."""
        return CameraDelays(
            to_alpha_ms=1e3 * float(np.median(self._delays_s)),
            most_to_alpha_ms=1e3 * max(self._delays_s),
            first_age_ms=1e3 * float(np.median(self._first_ages_s)),
            mean_age_ms=1e3 * float(np.mean(self._ages_s)),
        )

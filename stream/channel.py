"""One channel of speech around a network that is stepped elsewhere: chunks and lips in, chunks out."""

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ..core.arrays import Float32, UInt8
from ..core.buffers import SampleFifo
from ..errors import InputError
from ..models.config import SAMPLE_LIMIT
from .controls import Controls
from .dsp.full_band import FullBand
from .lag.av_lag import AvLag
from .landmarks_timeline import LandmarksTimeline
from .latency import LatencyBudget
from .lips_input import Lips
from .lips_timeline import LipsTimeline
from .runtimes.base import StreamSpec
from .video.frames import LipFrame


class Hop(NamedTuple):
    """What `Runtime.process_hop` takes: float32 ``[hop]``, float32 ``[E]``, seconds, share."""

    noisy: Float32
    embedding: Float32
    video_age_s: float
    dry: float


class LipsEncoder(Protocol):
    """What makes the embeddings of one stream: a `Runtime` itself, or a row of a pool."""

    def encode_lips(self, crop: UInt8) -> Float32:
        """See `Runtime.encode_lips`."""
        ...

    def see(self, landmarks: Float32, age_s: float) -> Float32:
        """See `Runtime.see`."""
        ...


class Channel:
    """All of a stream but its network: framing, the rate, the declared latency, the time line of the lips.

    ``push`` takes a chunk; then each `next_hop` is to be enhanced and handed to `take`, until there is none;
    `pull` gives the output for the chunk. However long a chunk is, it is resampled in pieces of a hop.

    Args:
        spec: of the model.
        latency: of the model at the rate of the chunks.
        controls: read at every hop.
        encoder: of the lips, called in their order.

    Attributes:
        av_offset_s: how late the video is: taken off the times of frames from now on; from any thread.
        lag: what is known of how late it is; None before the first lips, and where they are crops.
    """

    def __init__(
        self,
        spec: StreamSpec,
        latency: LatencyBudget,
        controls: Controls,
        encoder: LipsEncoder,
    ) -> None:
        self._spec, self._latency, self._controls = spec, latency, controls
        self._band = FullBand(latency.sample_rate, spec.sample_rate, spec.latency_samples, spec.hop_samples)
        self._output = SampleFifo(4 * latency.total)
        self._lips = (
            LandmarksTimeline(spec, encoder.see, self._note_cue)
            if spec.lips == "landmarks"
            else LipsTimeline(spec, encoder.encode_lips)
        )
        self.av_offset_s = 0.0
        self.reset()

    def reset(self) -> None:
        """Forget the stream; the owner of the network resets that."""
        self._band.reset()
        self._lips.reset()
        self.lag: AvLag | None = None
        self._output.clear()
        self._output.push(np.zeros(self._latency.total, np.float32))
        self._chunk = self._enhanced = np.empty(0, np.float32)
        self._fed = self._given = 0  # samples of the chunk that were resampled, and of its output
        self._samples_in = 0
        self._hops = 0
        self._dry = 0.0  # of the last hop
        self._alpha_sum = 0.0
        self.alpha = 0.0  # of the last hop
        self.limited_samples = 0  # of the input
        self.ended = False  # by the owner: nothing more comes

    @property
    def mean_alpha(self) -> float:
        """Mean of alpha over all hops since the start or the last reset; 0 before the first."""
        return self._alpha_sum / self._hops if self._hops else 0.0

    def check(self, chunk: Float32, lips: Lips | None) -> list[LipFrame]:
        """The frames that the lips are, changing nothing.

        Raises:
            InputError: as `Enhancer.process`.
        """
        if self.ended:
            raise InputError("flush() has ended this stream: call reset() before the next one")
        _check_chunk(chunk)
        return self._lips.check(lips, self._samples_in / self._latency.sample_rate)

    def push(self, chunk: Float32, frames: list[LipFrame]) -> None:
        """Take the next chunk; samples beyond ``SAMPLE_LIMIT`` are limited to it and counted.

        The models limit them as well, but resampled first, one would spoil its neighbours or overflow.

        Args:
            chunk: float32 ``[n]`` that `check` passed.
            frames: what it made of the lips.
        """
        if frames and self.lag is None and self._spec.lips == "landmarks":
            begun_s = self._hops * self._spec.hop_samples / self._spec.sample_rate
            self.lag = AvLag(self._spec.sample_rate, begun_s)
        self._lips.add(frames, self.av_offset_s)
        beyond = int(np.count_nonzero(np.abs(chunk) > SAMPLE_LIMIT))
        if beyond:
            self.limited_samples += beyond
            chunk = chunk.clip(-SAMPLE_LIMIT, SAMPLE_LIMIT)
        self._chunk, self._enhanced = chunk, np.empty(len(chunk), np.float32)
        self._fed = self._given = 0

    def next_hop(self) -> Hop | None:
        """The next hop to enhance; None when the chunk has no more."""
        while (noisy := self._band.next_hop()) is None:
            self._collect()
            piece = self._chunk[self._fed : self._fed + self._latency.hop]
            if not len(piece):
                return None
            self._band.push(piece)
            self._fed += len(piece)
            self._samples_in += len(piece)
        self._hops += 1
        now_s = self._hops * self._spec.hop_samples / self._spec.sample_rate
        if self.lag is not None:
            self.lag.hear(noisy)
        embedding, age_s = self._lips.at(now_s, bool(self._controls.video))
        self._dry = self._controls.dry
        return Hop(noisy, embedding, age_s, self._dry)

    def take(self, enhanced: Float32, alpha: float) -> None:
        """Take what `Runtime.process_hop` made of the last hop."""
        self.alpha = alpha
        self._alpha_sum += alpha
        self._output.push(self._band.take(enhanced, self._dry))

    def pull(self) -> Float32:
        """The output for the chunk, float32 ``[n]``, once `next_hop` has given None."""
        output = self._enhanced
        self._chunk = self._enhanced = np.empty(0, np.float32)
        return output

    def _note_cue(self, captured_s: float, cue: Float32) -> None:
        if self.lag is not None:
            self.lag.see(captured_s + self.av_offset_s, cue)

    def _collect(self) -> None:
        """Move the output for all that was fed out of the buffer, which so stays small."""
        count = self._fed - self._given
        self._enhanced[self._given : self._fed] = self._output.view()[:count]
        self._output.drop(count)
        self._given = self._fed


def _check_chunk(chunk: npt.ArrayLike) -> None:
    if not isinstance(chunk, np.ndarray) or chunk.dtype != np.float32:
        kind = chunk.dtype if isinstance(chunk, np.ndarray) else type(chunk).__name__
        raise InputError(
            f"chunk must be a float32 array, not {kind}: convert with np.asarray(chunk, np.float32), "
            "integers scaled to [-1, 1]"
        )
    if chunk.ndim != 1:
        raise InputError(
            f"chunk must be one channel of shape [n], not {list(chunk.shape)}: "
            "use one Enhancer for each channel"
        )
    if not np.isfinite(chunk).all():
        raise InputError("chunk holds NaN or infinity: replace them, for instance with np.nan_to_num(chunk)")

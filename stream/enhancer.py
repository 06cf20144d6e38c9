"""The public shell around a streaming model: any chunk, any rate, controls that may change at any time."""

from math import isnan

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .audio.fifo import SampleFifo
from .audio.resample import Resampler
from .latency import LatencyBudget
from .lips_timeline import Lips, LipsTimeline
from .runtimes.base import Float32, Runtime

#: Rates in Hz that an Enhancer takes.
MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 8_000, 96_000
#: An attenuation limit in dB from which on there is none.
NO_LIMIT_DB = 100.0


class Enhancer:
    """Cleans one channel of speech as it comes in, helped by the speaker's lips where there is video.

    The output lags the input by `latency_samples`, the same for any length of chunk, and any way to cut a
    stream into chunks gives the same samples. Use one Enhancer for each channel, from one thread at a time;
    the controls `atten_limit_db`, `bypass` and `video` may be set from another thread and count from the
    next hop on, without a click.

    Args:
        model: name of a preset, as listed by ``lipstream models``.
        sample_rate: rate of the chunks in Hz, 8000 to 96000. The model hears and gives what lies below 8 kHz.
        runtime: name of a runtime ("onnx" needs no torch), or a `Runtime` of one's own, which then brings
            its model.
        atten_limit_db: attenuate no sound by more than this, in dB from 0; 100 and above: no limit.
        bypass: give the input itself, still delayed by the latency, while the model goes on listening.
        video: whether lips count. While it is False, frames are dropped unseen.

    Raises:
        InputError: a value out of range, an unknown model or runtime.
    """

    def __init__(
        self,
        model: str = "lite",
        sample_rate: int = 16_000,
        runtime: str | Runtime = "onnx",
        atten_limit_db: float = NO_LIMIT_DB,
        bypass: bool = False,
        video: bool = True,
    ) -> None:
        self._sample_rate = _checked_sample_rate(sample_rate)
        self.atten_limit_db = atten_limit_db
        self.bypass = bypass
        self.video = video
        self._runtime = _loaded(model, runtime)
        self._spec = self._runtime.spec
        self._latency = LatencyBudget.of(self._spec, self._sample_rate)
        self._to_model = Resampler(self._sample_rate, self._spec.sample_rate)
        self._from_model = Resampler(self._spec.sample_rate, self._sample_rate)
        self._output = SampleFifo(4 * self._latency.total)
        self._lips = LipsTimeline(self._runtime)
        self.reset()

    def reset(self) -> None:
        """Forget the stream: what follows is enhanced as by a new Enhancer with the same settings."""
        self._runtime.reset()
        self._to_model.reset()
        self._from_model.reset()
        self._lips.reset()
        self._output.clear()
        self._output.push(np.zeros(self._latency.total, np.float32))
        # The model's first samples stand for the time before the stream began.
        self._to_skip = self._spec.window_samples - self._spec.hop_samples
        self._samples_in = 0
        self._hops = 0
        self._alpha = 0.0
        self._alpha_sum = 0.0

    def process(self, chunk: Float32, lips: Lips | None = None) -> Float32:
        """Enhance the next chunk.

        Args:
            chunk: float32 ``[n]``, any n from 0, finite; full scale is [-1, 1].
            lips: the new video frame, if there is one: a crop uint8 ``[96, 96, 3]`` RGB, taken as captured
                when this chunk began; or any number of them as ``(time_s, crop)``, in order, the time in
                seconds of input since the start or the last reset (a time yet to come is kept until then).
                In place of a crop may stand its embedding, float32 ``[512]``, as the same runtime's
                ``encode_lips`` gives it: then another thread can do that work.
                The last frame holds; its age is known to the model, which trusts it less as it ages.

        Returns:
            float32 ``[n]``: input samples from `latency_samples` ago, enhanced.

        Raises:
            InputError: a chunk or lips of the wrong type or shape, NaN or infinity, or times that go
                backwards. It is raised before any state changes: the stream goes on with the next good
                chunk.
        """
        samples = _checked_chunk(chunk)
        self._lips.add(self._lips.check(lips, self._samples_in / self._sample_rate))
        output = np.empty(len(samples), np.float32)
        # Pieces of a hop keep the buffers small however long the chunk is.
        piece = self._latency.hop
        for start in range(0, len(samples), piece):
            self._to_model.push(samples[start : start + piece])
            while self._to_model.ready >= self._spec.hop_samples:
                self._enhance_hop()
            count = len(samples[start : start + piece])
            output[start : start + count] = self._output.view()[:count]
            self._output.drop(count)
        self._samples_in += len(samples)
        return output

    def flush(self) -> Float32:
        """End the stream: its last `latency_samples`, float32. Call `reset` before the next stream."""
        return self.process(np.zeros(self.latency_samples, np.float32))

    @property
    def sample_rate(self) -> int:
        """Rate of the chunks in Hz."""
        return self._sample_rate

    @property
    def latency(self) -> LatencyBudget:
        """How far the output lags the input, part by part."""
        return self._latency

    @property
    def latency_samples(self) -> int:
        """How far the output lags the input, in samples at `sample_rate`."""
        return self._latency.total

    @property
    def alpha(self) -> float:
        """Confidence in the video at the last hop, in [0, 1]; 0 before the first."""
        return self._alpha

    @property
    def mean_alpha(self) -> float:
        """Mean of `alpha` over all hops since the start or the last reset."""
        return self._alpha_sum / self._hops if self._hops else 0.0

    @property
    def atten_limit_db(self) -> float:
        """The most, in dB, by which any sound is attenuated; 100 and above: no limit."""
        return self._atten_limit_db

    @atten_limit_db.setter
    def atten_limit_db(self, limit: float) -> None:
        self._atten_limit_db = _checked_atten_limit(limit)

    def _enhance_hop(self) -> None:
        self._hops += 1
        now_s = self._hops * self._spec.hop_samples / self._spec.sample_rate
        embedding, age_s = self._lips.at(now_s, bool(self.video))
        noisy = self._to_model.pull(self._spec.hop_samples)
        enhanced, self._alpha = self._runtime.process_hop(noisy, embedding, age_s, self._dry())
        self._alpha_sum += self._alpha
        skipped = min(self._to_skip, len(enhanced))
        self._to_skip -= skipped
        self._from_model.push(enhanced[skipped:])
        self._output.push(self._from_model.pull(self._from_model.ready))

    def _dry(self) -> float:
        """The share of the noisy signal in the output."""
        if self.bypass:
            return 1.0
        limit = self._atten_limit_db
        return 0.0 if limit >= NO_LIMIT_DB else 10 ** (-limit / 20)


def _checked_sample_rate(rate: float) -> int:
    """The rate as an int, from any whole number within the range an Enhancer takes; InputError otherwise."""
    try:
        whole = int(rate)
    except (TypeError, ValueError, OverflowError):
        whole = None
    if whole is None or whole != rate:
        raise InputError(f"sample_rate must be a whole number of Hz, not {rate!r}")
    if not MIN_SAMPLE_RATE <= whole <= MAX_SAMPLE_RATE:
        raise InputError(
            f"sample_rate must be from {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} Hz, not {whole}: resample first"
        )
    return whole


def _checked_atten_limit(limit_db: float) -> float:
    """The limit as a float; InputError where it is no number of dB from 0."""
    try:
        limit = float(limit_db)
    except (TypeError, ValueError) as error:
        raise InputError(f"atten_limit_db must be a number of dB, not {limit_db!r}") from error
    if isnan(limit) or limit < 0:
        raise InputError(f"atten_limit_db must be at least 0 dB (100: no limit), not {limit:g}")
    return limit


def _checked_chunk(chunk: npt.ArrayLike) -> Float32:
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
    return chunk


def _loaded(model: str, runtime: str | Runtime) -> Runtime:
    if not isinstance(runtime, str):
        return runtime
    from .runtimes import load_runtime

    return load_runtime(model, runtime)

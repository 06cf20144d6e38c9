"""The public shell around a streaming model: any chunk, any rate, controls that may change at any time."""

import numpy as np

from ..core.arrays import Float32
from ..errors import InputError
from ..models.store.registry import ModelName
from .channel import Channel
from .controls import NO_LIMIT_DB, Controlled, Controls
from .latency import LatencyBudget
from .lips_input import Lips
from .runtimes.base import LipsKind, Runtime

__all__ = [
    "MAX_SAMPLE_RATE",
    "MIN_SAMPLE_RATE",
    "NO_LIMIT_DB",
    "Enhancer",
    "checked_sample_rate",
    "from_pretrained",
]

#: Rates in Hz that an Enhancer takes.
MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 6_000, 192_000


class Enhancer(Controlled):
    """Cleans one channel of speech as it comes in, with the speaker's lips where they are given.

    Lips count only where `process` is given them; without them the output is the audio-only one, to the bit.
    A model sees either landmarks of the face or crops of the mouth (`lips` says which); `LipReader` makes
    both of pictures. Landmarks may only take away from the audio-only output. Crops are experimental: what
    they change is bounded (`lips_bound`), and while they count a hop costs twice as much.

    The output lags the input by `latency_samples`, the same for any length of chunk, and any way to cut a
    stream into chunks gives the same samples. Use one Enhancer for each channel, from one thread at a time
    (many channels in one process: `EnhancerPool`); the controls `atten_limit_db`, `bypass` and `video` may be
    set from another thread and count from the next hop on, without a click.

    Args:
        model: name of a preset, as listed by ``lipstream models``; a model folder, as ``lipstream export``
            and ``lipstream train`` leave it; or an id of the Hugging Face Hub, ``org/name``.
        sample_rate: rate of the chunks in Hz, 6000 to 192000. The model hears what lies below 8 kHz;
            what lies above follows the gain that the model gives to 6-8 kHz.
        runtime: name of a runtime ("onnx" needs no torch), or a `Runtime` of one's own, which then brings
            its model and is taken as it is, without a bound on its lips.
        atten_limit_db: attenuate no sound by more than this, in dB from 0; 100 and above: no limit.
        bypass: give the input itself, still delayed by the latency, while the model goes on listening.
        video: whether lips count. While it is False, frames are dropped unseen.
        controls: in place of the three before, `Controls` that others may hold as well.

    Raises:
        InputError: a value out of range, an unknown model or runtime.
    """

    def __init__(
        self,
        model: ModelName = "lite",
        sample_rate: int = 16_000,
        runtime: str | Runtime = "onnx",
        atten_limit_db: float = NO_LIMIT_DB,
        bypass: bool = False,
        video: bool = True,
        *,
        controls: Controls | None = None,
    ) -> None:
        rate = checked_sample_rate(sample_rate)
        self.controls = controls or Controls(atten_limit_db, bypass, video)
        self._runtime = _loaded(model, runtime)
        self._latency = LatencyBudget.of(self._runtime.spec, rate)
        self._channel = Channel(self._runtime.spec, self._latency, self.controls, self._runtime)
        self.reset()

    def reset(self) -> None:
        """Forget the stream: what follows is enhanced as by a new Enhancer with the same settings."""
        self._runtime.reset()
        self._channel.reset()

    def process(self, chunk: Float32, lips: Lips | None = None) -> Float32:
        """Enhance the next chunk.

        Args:
            chunk: float32 ``[n]``, any n from 0, finite; full scale is [-1, 1]. Samples beyond +-8 are
                limited to that and counted in `limited_samples`.
            lips: the new video frame, if there is one, taken as captured when this chunk began: landmarks
                float32 ``[44, 3]`` (`LipReader`), or for a model that sees crops a crop uint8 ``[96, 96, 3]``
                RGB. Or any number of them as ``(time_s, landmarks)``, in order, the time in seconds of input
                since the start or the last reset (a time yet to come is kept until then). A `LipFrame`,
                which is not to change any more, may stand for such a pair. In place of a crop may stand its
                embedding, float32 ``[512]``, as the same runtime's ``encode_lips`` gives it: then another
                thread can do that work.
                The last frame holds; its age is known to the model, which trusts it less as it ages.

        Returns:
            float32 ``[n]``: input samples from `latency_samples` ago, enhanced.

        Raises:
            InputError: a chunk or lips of the wrong type or shape, NaN or infinity, or times that go
                backwards. It is raised before any state changes: the stream goes on with the next good
                chunk. Any other error, as of the runtime, leaves the Enhancer as after `reset`.
        """
        channel = self._channel
        channel.push(chunk, channel.check(chunk, lips))
        try:
            while (hop := channel.next_hop()) is not None:
                channel.take(*self._runtime.process_hop(*hop))
        except BaseException:  # half of a chunk is lost: begin again, rather than go on out of step
            self.reset()
            raise
        return channel.pull()

    def flush(self) -> Float32:
        """End the stream: its last `latency_samples`, float32. Call `reset` before the next stream."""
        return self.process(np.zeros(self.latency_samples, np.float32))

    @property
    def lips(self) -> LipsKind:
        """What the model sees of a face, and `process` takes: "crops" or "landmarks"."""
        return self._runtime.spec.lips

    @property
    def sample_rate(self) -> int:
        """Rate of the chunks in Hz."""
        return self._latency.sample_rate

    @property
    def latency(self) -> LatencyBudget:
        """How far the output lags the input, part by part."""
        return self._latency

    @property
    def latency_samples(self) -> int:
        """How far the output lags the input, in samples at `sample_rate`."""
        return self._latency.total

    @property
    def band_hz(self) -> float:
        """The highest frequency in Hz that the output holds: half the rate, as in the input."""
        return self.sample_rate / 2

    @property
    def alpha(self) -> float:
        """Confidence in the video at the last hop, in [0, 1]; 0 before the first."""
        return self._channel.alpha

    @property
    def limited_samples(self) -> int:
        """Samples of the input since the start or the last reset that were limited to +-8 (+18 dBFS).

        Many of them tell of a chunk that was not scaled to [-1, 1].
        """
        return self._channel.limited_samples

    @property
    def mean_alpha(self) -> float:
        """Mean of `alpha` over all hops since the start or the last reset."""
        return self._channel.mean_alpha


def from_pretrained(model: ModelName, sample_rate: int = 16_000, runtime: str = "onnx") -> Enhancer:
    """The `Enhancer` of a model of the Hugging Face Hub, of a folder, or of a preset.

    >>> enhancer = lipstream.from_pretrained("org/name")

    The network is used only if the model is not in the Hub's cache. Every class and command that takes a
    model takes the same names.

    Args:
        model, sample_rate, runtime: as for `Enhancer`.

    Raises:
        InputError: as `Enhancer`, and for a model that cannot be fetched.
    """
    return Enhancer(model, sample_rate, runtime)


def checked_sample_rate(rate: float) -> int:
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


def _loaded(model: ModelName, runtime: str | Runtime) -> Runtime:
    if not isinstance(runtime, str):
        return runtime
    from .lips_bound import load_bounded_runtime

    return load_bounded_runtime(model, runtime)

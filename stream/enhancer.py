"""The public shell around a streaming model: any chunk, any rate, controls that may change at any time."""

from __future__ import annotations  # so that help() names the types, in place of spelling them out

from collections.abc import Callable
from math import isfinite
from os import fspath
from threading import Lock
from typing import Any, Self

import numpy as np

from ..core.arrays import AudioArray
from ..errors import InputError
from ..models.store.hub import pinned
from ..models.store.registry import ModelName
from .channel import Channel
from .controls import NO_LIMIT_DB, Controlled, Controls
from .defaults import AUTO, DEFAULT_MODEL, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from .latency import LatencyBudget
from .lips_input import Lips
from .runtimes import chosen_runtime
from .runtimes.base import LipsKind, Runtime

__all__ = [
    "NO_LIMIT_DB",
    "Enhancer",
    "checked_sample_rate",
    "from_pretrained",
]

#: The most in ms that lips may be late or early.
MAX_AV_OFFSET_MS = 5_000.0


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

    ``enhancer(chunk)`` is ``enhancer.process(chunk)``. It may stand in a with-block, at whose end the stream
    is forgotten. What is copied or pickled is the settings alone: the copy begins a stream of its own.

    Args:
        model: name of a preset, as listed by ``lipstream models``; a model folder, as ``lipstream export``
            and ``lipstream train`` leave it; or an id of the Hugging Face Hub, ``org/name`` or
            ``org/name@revision``.
        sample_rate: rate of the chunks in Hz, 6000 to 192000. The model hears what lies below 8 kHz;
            what lies above follows the gain that the model gives to 6-8 kHz.
        runtime: name of a runtime ("auto": the fastest that starts at once), or a `Runtime` of one's own,
            which then brings its model and is taken as it is, without a bound on its lips.
        atten_limit_db: attenuate no sound by more than this, in dB from 0; 100 and above: no limit.
        bypass: give the input itself, still delayed by the latency, while the model goes on listening.
        video: whether lips count. While it is False, frames are dropped unseen.
        av_offset_ms: how late the video is, in ms: taken off the times of lips; negative where it is early. A
            property as well, which counts for the frames that come from then on.
        controls: in place of the three before, `Controls` that others may hold as well.

    Raises:
        InputError: a value out of range, an unknown model or runtime.
    """

    def __init__(
        self,
        model: ModelName = DEFAULT_MODEL,
        sample_rate: int = 16_000,
        runtime: str | Runtime = AUTO,
        atten_limit_db: float = NO_LIMIT_DB,
        bypass: bool = False,
        video: bool = True,
        av_offset_ms: float = 0.0,
        *,
        controls: Controls | None = None,
    ) -> None:
        rate = checked_sample_rate(sample_rate)
        self.controls = controls or Controls(atten_limit_db, bypass, video)
        self._names = (model, runtime) if isinstance(runtime, str) else None
        if isinstance(runtime, str):
            self._chosen = chosen_runtime(model, runtime)
            self._runtime = _loaded(model, self._chosen)
        else:
            self._chosen, self._runtime = type(runtime).__name__, runtime
        self._latency = LatencyBudget.of(self._runtime.spec, rate)
        self._channel = Channel(self._runtime.spec, self._latency, self.controls, self._runtime)
        self._one_thread = _OneThread()
        self.av_offset_ms = av_offset_ms
        self._begin()

    def reset(self) -> None:
        """Forget the stream: what follows is enhanced as by a new Enhancer with the same settings."""
        with self._one_thread:
            self._begin()

    def process(self, chunk: AudioArray, lips: Lips | None = None) -> AudioArray:
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
            InputError: a chunk or lips of the wrong type or shape, NaN or infinity, times that go backwards,
                a stream that `flush` has ended, or another thread that is inside. It is raised before any
                state changes: the stream goes on with the next good chunk. Any other error, as of the
                runtime, leaves the Enhancer as after `reset`.
        """
        with self._one_thread:
            return self._process(chunk, lips)

    __call__ = process

    def flush(self) -> AudioArray:
        """End the stream: its last `latency_samples`, float32. Call `reset` before the next stream.

        Raises:
            InputError: it was ended before, or another thread is inside.
        """
        with self._one_thread:
            tail = self._process(np.zeros(self.latency_samples, np.float32), None)
            self._channel.ended = True
            return tail

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.reset()

    def __repr__(self) -> str:
        model = self._runtime.spec.name if self._names is None else self._names[0]
        runtime = self._runtime if self._names is None else self._chosen
        given = [repr(model), f"sample_rate={self.sample_rate}", f"runtime={runtime!r}"]
        if self.atten_limit_db < NO_LIMIT_DB:
            given.append(f"atten_limit_db={self.atten_limit_db:g}")
        given += ["bypass=True"] if self.bypass else []
        given += [] if self.video else ["video=False"]
        given += [f"av_offset_ms={self.av_offset_ms:g}"] if self.av_offset_ms else []
        return f"{type(self).__name__}({', '.join(given)})"

    def __reduce__(self) -> tuple[Callable[..., Self], tuple[Any, ...]]:
        if self._names is None:
            raise InputError(
                f"an Enhancer on a runtime of one's own ({type(self._runtime).__name__}) cannot be pickled "
                "or copied: make it anew where it is needed"
            )
        model, runtime = self._names
        settings = (self.atten_limit_db, self.bypass, self.video, self.av_offset_ms)
        return type(self), (model, self.sample_rate, runtime, *settings)

    @property
    def lips(self) -> LipsKind:
        """What the model sees of a face, and `process` takes: "crops" or "landmarks"."""
        return self._runtime.spec.lips

    @property
    def runtime(self) -> str:
        """Name of the runtime: the one that "auto" stands for here; of one's own, its class."""
        return self._chosen

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
    def av_offset_ms(self) -> float:
        """How late the video is taken to be, in ms."""
        return 1000 * self._channel.av_offset_s

    @av_offset_ms.setter
    def av_offset_ms(self, value: float) -> None:
        if not (isfinite(value) and abs(value) <= MAX_AV_OFFSET_MS):
            raise InputError(
                f"av_offset_ms must be from -{MAX_AV_OFFSET_MS:g} to {MAX_AV_OFFSET_MS:g} ms, not {value!r}"
            )
        self._channel.av_offset_s = value / 1000

    @property
    def measured_av_offset_ms(self) -> float | None:
        """How late the video is in ms, as sound and lips of the last minute tell, within 740 ms.

        None where they do not: too little speech with a face, much noise, lips of somebody else, crops. It
        takes about 25 ms to tell, on any thread.
        """
        lag = self._channel.lag
        estimate = None if lag is None else lag.estimate()
        return 1000 * estimate.offset_s if estimate is not None and estimate.trusted else None

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

    def _begin(self) -> None:
        self._runtime.reset()
        self._channel.reset()

    def _process(self, chunk: AudioArray, lips: Lips | None) -> AudioArray:
        channel = self._channel
        channel.push(chunk, channel.check(chunk, lips))
        try:
            while (hop := channel.next_hop()) is not None:
                channel.take(*self._runtime.process_hop(*hop))
        except BaseException:  # half of a chunk is lost: begin again, rather than go on out of step
            self._begin()
            raise
        return channel.pull()


class _OneThread:
    """Keeps a second thread out, which would mix up two places of one stream; it never waits."""

    def __init__(self) -> None:
        self._inside = Lock()

    def __enter__(self) -> None:
        if not self._inside.acquire(blocking=False):
            raise InputError(
                "two threads are in one Enhancer at once: give each stream an Enhancer of its own, "
                "or let one thread call it"
            )

    def __exit__(self, *error: object) -> None:
        self._inside.release()


def from_pretrained(
    model: ModelName, sample_rate: int = 16_000, runtime: str = AUTO, *, revision: str | None = None
) -> Enhancer:
    """The `Enhancer` of a model of the Hugging Face Hub, of a folder, or of a preset.

    >>> enhancer = lipstream.from_pretrained("org/name", revision="v1.0")

    The network is used only if the model is not in the Hub's cache. Every class and command that takes a
    model takes the same names, also ``org/name@v1.0``.

    Args:
        model, sample_rate, runtime: as for `Enhancer`.
        revision: of a model of the Hub: a branch, a tag, or a commit, which alone never changes.

    Raises:
        InputError: as `Enhancer`, for a model that cannot be fetched, and for a revision of what is not on
            the Hub.
    """
    return Enhancer(model if revision is None else pinned(fspath(model), revision), sample_rate, runtime)


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


def _loaded(model: ModelName, runtime: str) -> Runtime:
    from .lips_bound import load_bounded_runtime

    return load_bounded_runtime(model, runtime)

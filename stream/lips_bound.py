"""Holds what lip crops may change to a share of the audio-only output. Landmarks need no bound.

A lip path that sees pixels learns the speakers of its training and misleads with others. So while lips
count, a stream is enhanced twice, audio-only and with lips, and the output is the first plus a bounded part
of what the second differs by. The size of that part is measured in each hop before it is added, so the bound
holds whatever the network does. Without lips the audio-only output passes untouched, at its usual cost.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from ..core.arrays import Bool, Float32, UInt8
from ..models.config import STALE_AGE_S
from ..models.store.registry import ModelName, find_model
from .defaults import AUTO
from .runtimes.base import NO_VIDEO_AGE_S, PoolRuntime, Runtime, StreamSpec

#: The most that lips may change in a hop, as a share of the level (RMS) of its audio-only output.
SHARE = 0.5
#: What that means: by so many dB lips can lower a hop at most, ``-20 * log10(1 - SHARE)``.
BOUND_DB = 6.0
#: The notice for a user who asks for lips where the model sees crops, see `notice`.
NOTICE = (
    "lips are experimental: they help the nine speakers of their training, may harm others (they lower "
    f"speech by at most {BOUND_DB:g} dB), and double the cost"
)
#: Hops over which lips fade in and out: 100 ms in the shipped model.
FADE_HOPS = 8


def notice(model: ModelName) -> str | None:
    """What a user who asks for lips should know of a model; None: nothing.

    Raises:
        InputError: there is no such model.
    """
    return NOTICE if StreamSpec.of(find_model(model).config).lips == "crops" else None


class BoundedMix:
    """Adds to the hops of one stream what lips change, within the bound.

    Args:
        share: see `SHARE`; 0 to 1.

    Attributes:
        gain: how much of the change the last hop ended with, 0 to ``share``.
    """

    def __init__(self, share: float = SHARE) -> None:
        self._share = share
        self.gain = 0.0

    def mix(self, audio: Float32, helped: Float32, counts: bool) -> Float32:
        """One hop.

        Args:
            audio: float32 ``[hop]``, enhanced audio-only.
            helped: float32 ``[hop]``, enhanced with lips.
            counts: whether there are lips now; the gain rises while there are, and falls else.

        Returns:
            float32 ``[hop]``, which differs from ``audio`` by at most ``share`` of its RMS, in RMS. Where
            ``helped`` is not finite it is ``audio`` itself, and lips fade in again from 0.
        """
        change = helped.astype(np.float64) - audio
        if not np.isfinite(change).all():
            self.gain = 0.0
            return audio
        size, most = float(np.linalg.norm(change)), self._share * float(np.linalg.norm(audio))
        step = self._share / FADE_HOPS
        wanted = min(self._share, self.gain + step) if counts else max(0.0, self.gain - step)
        # A steady gain that keeps the bound in this hop, whatever the shape of the change.
        safe = self.gain if self.gain * size <= most else most / size
        # The smoothest that keeps the bound: the last always does, with a step where the hop begins.
        for start, end in ((self.gain, wanted), (self.gain, min(safe, wanted)), (safe, min(safe, wanted))):
            added = np.linspace(start, end, len(audio)) * change
            if float(np.linalg.norm(added)) <= most:
                break
        self.gain = end
        return audio + added.astype(np.float32)


class BoundedRuntime:
    """A `Runtime` whose lips change no more than `BoundedMix` allows; two streams of a model in one.

    The second stream is stepped only while lips count. It begins to listen when they begin to, as at the
    start of a recording, and is faded in.

    Args:
        audio: a stream of the model, at its start.
        make: makes another one, when lips first count.
        ready: make it now.
        share: see `SHARE`.
    """

    def __init__(
        self, audio: Runtime, make: Callable[[], Runtime], ready: bool = False, share: float = SHARE
    ) -> None:
        self._audio, self._make, self._share = audio, make, share
        self.spec = self._audio.spec
        self._none: Float32 = np.zeros(self.spec.embedding_size, np.float32)
        self._helped: Runtime | None = make() if ready else None
        self._begin()

    @property
    def state_bytes(self) -> int:
        return self._audio.state_bytes + (self._helped.state_bytes if self._helped else 0)

    def reset(self) -> None:
        self._audio.reset()
        self._begin()

    def process_hop(
        self, hop: Float32, embedding: Float32, video_age_s: float, dry: float
    ) -> tuple[Float32, float]:
        audio, alpha = self._audio.process_hop(hop, self._none, NO_VIDEO_AGE_S, dry)
        counts = _counts(video_age_s)
        if not counts and self._mix.gain == 0.0:
            self._listens = False
            return audio, alpha
        if self._helped is None:
            self._helped = self._make()
        if not self._listens:
            self._helped.reset()
            self._listens = True
        helped, alpha = self._helped.process_hop(hop, embedding, video_age_s, dry)
        mixed = self._mix.mix(audio, helped, counts)
        # NaN stays in the state of a network: the stream with lips begins again, if there still are any.
        self._listens = bool(np.isfinite(helped).all())
        return mixed, alpha if self._listens else 0.0

    def encode_lips(self, crop: UInt8) -> Float32:
        return self._audio.encode_lips(crop)

    def see(self, landmarks: Float32, age_s: float) -> Float32:
        return self._audio.see(landmarks, age_s)

    def _begin(self) -> None:
        self._mix = BoundedMix(self._share)
        self._listens = False


class BoundedPool:
    """A `PoolRuntime` of which each stream is what a `BoundedRuntime` is; two pools of a model in one.

    Args:
        audio: a pool of the model, all streams at their start.
        make: makes another one, when lips first count.
        share: see `SHARE`.
    """

    def __init__(self, audio: PoolRuntime, make: Callable[[], PoolRuntime], share: float = SHARE) -> None:
        self._audio, self._make, self._share = audio, make, share
        self.spec, self.streams = self._audio.spec, self._audio.streams
        self._none: Float32 = np.zeros((self.streams, self.spec.embedding_size), np.float32)
        self._no_video = np.full(self.streams, NO_VIDEO_AGE_S, np.float32)
        self._helped: PoolRuntime | None = None
        self._mixes = [BoundedMix(share) for _ in range(self.streams)]
        self._listens = np.zeros(self.streams, np.bool_)

    @property
    def state_bytes(self) -> int:
        return self._audio.state_bytes + (self._helped.state_bytes if self._helped else 0)

    def reset(self, stream: int) -> None:
        self._audio.reset(stream)
        self._mixes[stream] = BoundedMix(self._share)
        self._listens[stream] = False

    def process_hops(
        self, hops: Float32, embeddings: Float32, video_ages_s: Float32, dry: Float32, active: Bool
    ) -> tuple[Float32, Float32]:
        out, alphas = self._audio.process_hops(hops, self._none, self._no_video, dry, active)
        counts = [bool(on) and _counts(age_s) for on, age_s in zip(active, video_ages_s, strict=True)]
        fading = np.array([mix.gain > 0.0 for mix in self._mixes])
        listen = active & (np.array(counts) | fading)
        if listen.any():
            if self._helped is None:
                self._helped = self._make()
            for stream in np.flatnonzero(listen & ~self._listens):
                self._helped.reset(int(stream))
            helped, helped_alphas = self._helped.process_hops(hops, embeddings, video_ages_s, dry, listen)
            for stream in np.flatnonzero(listen):
                out[stream] = self._mixes[stream].mix(out[stream], helped[stream], counts[stream])
                listen[stream] = np.isfinite(helped[stream]).all()  # as in `BoundedRuntime`
                alphas[stream] = helped_alphas[stream] if listen[stream] else 0.0
        self._listens[active] = listen[active]
        return out, alphas

    def encode_lips(self, stream: int, crop: UInt8) -> Float32:
        return self._audio.encode_lips(stream, crop)

    def see(self, stream: int, landmarks: Float32, age_s: float) -> Float32:
        return self._audio.see(stream, landmarks, age_s)


def bounded_runtime(make: Callable[[], Runtime], ready: bool = False) -> Runtime:
    """A stream whose lips cannot do much harm: bounded where the model sees crops, as it is otherwise.

    Args:
        make: makes a stream of the model, at its start.
        ready: where it is bounded, make the second one now, rather than when lips first count.
    """
    runtime = make()
    return runtime if runtime.spec.lips == "landmarks" else BoundedRuntime(runtime, make, ready)


def bounded_pool(make: Callable[[], PoolRuntime]) -> PoolRuntime:
    """As `bounded_runtime`, for many streams."""
    pool = make()
    return pool if pool.spec.lips == "landmarks" else BoundedPool(pool, make)


def load_bounded_runtime(model: ModelName, runtime: str = AUTO, ready: bool = False) -> Runtime:
    """As `load_runtime`, by way of `bounded_runtime`.

    Raises:
        InputError: as `load_runtime`.
    """
    from .runtimes import load_runtime

    return bounded_runtime(partial(load_runtime, model, runtime), ready)


def load_bounded_pool(model: ModelName, streams: int, runtime: str = AUTO) -> PoolRuntime:
    """As `load_pool`, by way of `bounded_pool`.

    Raises:
        InputError: as `load_pool`.
    """
    from .runtimes import load_pool

    return bounded_pool(partial(load_pool, model, streams, runtime))


def _counts(video_age_s: float | np.float32) -> bool:
    """In float32, as a pool gets it, so that the two agree to the bit."""
    return bool(np.float32(video_age_s) < np.float32(STALE_AGE_S))

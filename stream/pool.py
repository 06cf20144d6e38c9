"""Many streams in one process: whatever their chunks, the hops that are due are stepped in one call."""

from __future__ import annotations  # as in `enhancer`

from collections.abc import Mapping
from itertools import count
from typing import NamedTuple

import numpy as np

from ..core.arrays import AudioArray, Float32, UInt8
from ..errors import InputError
from ..models.store.registry import ModelName
from .channel import Channel, Hop
from .controls import NO_LIMIT_DB, Controls
from .defaults import AUTO, DEFAULT_MODEL
from .enhancer import checked_sample_rate
from .latency import LatencyBudget
from .lips_input import Lips
from .runtimes.base import LipsKind, PoolRuntime


class EnhancerPool:
    """Up to n independent streams of speech, which join and leave, each as if an `Enhancer` cleaned it alone.

    The streams share one model, and what they hear never mixes: on the runtime "native" each gets the samples
    of an Enhancer of its own to the bit, on the others within 1e-5. Use a pool from one thread at a time; the
    controls of a stream may be set from another thread.

    Args:
        streams: how many streams there is room for.
        model: name of a preset, as listed by ``lipstream models``; a model folder, as ``lipstream export``
            and ``lipstream train`` leave it; or an id of the Hugging Face Hub, ``org/name``.
        sample_rate: rate of the chunks in Hz, 6000 to 192000, of streams that join without one of their own.
        runtime: name of a runtime, or a `PoolRuntime` of one's own, which then brings its model and as many
            streams, and is taken as it is, without a bound on its lips.

    Raises:
        InputError: a value out of range, an unknown model or runtime.
    """

    def __init__(
        self,
        streams: int,
        model: ModelName = DEFAULT_MODEL,
        sample_rate: int = 16_000,
        runtime: str | PoolRuntime = AUTO,
    ) -> None:
        rate = checked_sample_rate(sample_rate)
        self._runtime = _loaded(_checked_streams(streams), model, runtime)
        spec = self._runtime.spec
        self._latency = LatencyBudget.of(spec, rate)
        self._free = list(range(self._runtime.streams))
        self._seats: dict[int, _Seat] = {}
        self._names = count()
        # What the runtime gets; rows of streams without a hop keep old values.
        self._hops = np.zeros((len(self._free), spec.hop_samples), np.float32)
        self._embeddings = np.zeros((len(self._free), spec.embedding_size), np.float32)
        self._ages_s, self._dry = np.zeros((2, len(self._free)), np.float32)

    def join(
        self,
        atten_limit_db: float = NO_LIMIT_DB,
        bypass: bool = False,
        video: bool = True,
        sample_rate: int | None = None,
    ) -> int:
        """Let a new stream in, at its start.

        Args:
            atten_limit_db, bypass, video: see `Controls`.
            sample_rate: rate of its chunks in Hz; None for that of the pool. Streams of any rates are stepped
                together.

        Returns:
            Its number, by which the other methods know it. No number comes twice.

        Raises:
            InputError: the pool is full, the limit is no number of dB from 0, or the rate is out of range.
        """
        controls = Controls(atten_limit_db, bypass, video)
        latency = self._latency
        if sample_rate is not None:
            latency = LatencyBudget.of(self._runtime.spec, checked_sample_rate(sample_rate))
        if not self._free:
            raise InputError(
                f"the pool is full with {len(self._seats)} streams: let one leave, or make a larger pool"
            )
        row = self._free.pop(0)
        self._runtime.reset(row)
        channel = Channel(self._runtime.spec, latency, controls, _RowEncoder(self._runtime, row))
        stream = next(self._names)
        self._seats[stream] = _Seat(row, channel, controls, latency)
        return stream

    def leave(self, stream: int) -> None:
        """Let a stream go; what it has not got yet is lost, see `flush`.

        Raises:
            InputError: there is no such stream, as in all methods that name one.
        """
        self._free.append(self._seat(stream).row)
        del self._seats[stream]

    def reset(self, stream: int) -> None:
        """Forget what a stream heard: what follows is enhanced as that of a new one with its controls."""
        seat = self._seat(stream)
        self._runtime.reset(seat.row)
        seat.channel.reset()

    def process(
        self, chunks: Mapping[int, AudioArray], lips: Mapping[int, Lips] | None = None
    ) -> dict[int, AudioArray]:
        """Enhance the next chunk of some streams, of any length each; the others wait.

        Args:
            chunks: by number of the stream, as `Enhancer.process` takes them.
            lips: new video frames of these streams, as `Enhancer.process` takes them; at any time, none.

        Returns:
            By number of the stream, as many samples as its chunk had, from `latency_samples` ago, enhanced.

        Raises:
            InputError: an unknown stream, lips without a chunk, or a chunk or lips that `Enhancer.process`
                refuses. It is raised before any state of any stream changes. Any other error, as of the
                runtime, leaves the streams that have a chunk as after `reset`.
        """
        lips = lips or {}
        for stream in lips.keys() - chunks.keys():
            raise InputError(f"lips of stream {stream} came without its chunk: give one, if only of length 0")
        channels = {stream: self._seat(stream).channel for stream in chunks}
        frames = {
            stream: channel.check(chunks[stream], lips.get(stream)) for stream, channel in channels.items()
        }
        for stream, channel in channels.items():
            channel.push(chunks[stream], frames[stream])
        try:
            while due := {
                stream: hop for stream, channel in channels.items() if (hop := channel.next_hop()) is not None
            }:
                self._step(due)
        except BaseException:  # as in `Enhancer.process`
            for stream in channels:
                self.reset(stream)
            raise
        return {stream: channel.pull() for stream, channel in channels.items()}

    def flush(self, stream: int) -> AudioArray:
        """End a stream: what it lags by, float32. Let it leave or `reset` it then."""
        tail = self.process({stream: np.zeros(self.latency_of(stream).total, np.float32)})[stream]
        self._seat(stream).channel.ended = True
        return tail

    def controls(self, stream: int) -> Controls:
        """The attenuation limit, bypass and video of a stream, to read and to set."""
        return self._seat(stream).controls

    def latency_of(self, stream: int) -> LatencyBudget:
        """How far the output of a stream lags its input, at its own rate."""
        return self._seat(stream).latency

    def alpha(self, stream: int) -> float:
        """A stream's confidence in its video at its last hop, in [0, 1]; 0 before the first."""
        return self._seat(stream).channel.alpha

    def mean_alpha(self, stream: int) -> float:
        """Mean of `alpha` over all hops of a stream since its start or its last reset."""
        return self._seat(stream).channel.mean_alpha

    def limited_samples(self, stream: int) -> int:
        """Input samples of a stream since its start or its last reset that were limited to +-8 (+18 dBFS)."""
        return self._seat(stream).channel.limited_samples

    def __len__(self) -> int:
        """How many streams are in the pool now."""
        return len(self._seats)

    @property
    def streams(self) -> int:
        """How many streams there is room for."""
        return self._runtime.streams

    @property
    def lips(self) -> LipsKind:
        """What the model sees of a face, and `process` takes: "crops" or "landmarks"."""
        return self._runtime.spec.lips

    @property
    def sample_rate(self) -> int:
        """Rate of the chunks in Hz, of streams that joined without one of their own."""
        return self._latency.sample_rate

    @property
    def latency(self) -> LatencyBudget:
        """How far the output of a stream at `sample_rate` lags its input, part by part."""
        return self._latency

    @property
    def latency_samples(self) -> int:
        """How far the output of a stream at `sample_rate` lags its input, in samples."""
        return self._latency.total

    def _seat(self, stream: int) -> _Seat:
        try:
            return self._seats[stream]
        except KeyError:
            raise InputError(f"no stream {stream!r} is in the pool: use a number that join() gave") from None

    def _step(self, due: Mapping[int, Hop]) -> None:
        """One joint step of the streams whose hops are due."""
        seats = [self._seats[stream] for stream in due]
        active = np.zeros(self.streams, np.bool_)
        for seat, hop in zip(seats, due.values(), strict=True):
            active[seat.row] = True
            self._hops[seat.row], self._embeddings[seat.row], self._ages_s[seat.row], self._dry[seat.row] = (
                hop
            )
        out, alphas = self._runtime.process_hops(
            self._hops, self._embeddings, self._ages_s, self._dry, active
        )
        for seat in seats:
            seat.channel.take(out[seat.row], float(alphas[seat.row]))


class _RowEncoder(NamedTuple):
    """The `LipsEncoder` of one row of a runtime."""

    runtime: PoolRuntime
    row: int

    def encode_lips(self, crop: UInt8) -> Float32:
        return self.runtime.encode_lips(self.row, crop)

    def see(self, landmarks: Float32, age_s: float) -> Float32:
        return self.runtime.see(self.row, landmarks, age_s)


class _Seat(NamedTuple):
    """A stream in the pool, and its row in the arrays of the runtime."""

    row: int
    channel: Channel
    controls: Controls
    latency: LatencyBudget


def _loaded(streams: int, model: ModelName, runtime: str | PoolRuntime) -> PoolRuntime:
    if isinstance(runtime, str):
        from .lips_bound import load_bounded_pool

        return load_bounded_pool(model, streams, runtime)
    if runtime.streams != streams:
        raise InputError(f"the runtime holds {runtime.streams} streams, not {streams}: give the pool as many")
    return runtime


def _checked_streams(streams: int) -> int:
    if not isinstance(streams, int | np.integer) or streams < 1:
        raise InputError(f"streams must be a whole number from 1, not {streams!r}")
    return int(streams)

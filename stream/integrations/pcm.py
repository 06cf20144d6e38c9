"""Enhancers behind interleaved 16-bit samples, whose format may change from one call to the next."""

from collections import deque
from typing import NamedTuple

import numpy as np

from ...core.arrays import Float32, Int16
from ...core.sample_kinds import from_int16, to_int16
from ...errors import InputError
from ..controls import NO_LIMIT_DB, Controls
from ..defaults import AUTO, DEFAULT_MODEL
from ..enhancer import Enhancer
from ..lips_bound import load_bounded_runtime
from ..lips_input import Image
from ..runtimes.base import LipsKind, Runtime
from ..video.frames import LipFrame

Samples = bytes | bytearray | memoryview | Int16

#: What is assumed until the first samples come: it lets a wrong setting fail at once.
_FIRST_RATE = 16_000
#: So many lips wait for the next samples at most; older ones are dropped.
_MOST_SHOWN = 32


class Moment(NamedTuple):
    """A point of time in the samples.

    Attributes:
        stream: how many streams were begun before.
        time_s: since the start of this one, in seconds.
    """

    stream: int
    time_s: float


class PcmEnhancer:
    """One Enhancer for each channel of interleaved 16-bit samples.

    The models are loaded once; a new rate or number of channels starts a new stream on them. A whole session
    then costs one load, which takes tenths of a second, at its beginning.

    Args:
        model, runtime: names, as for `Enhancer`.
        atten_limit_db: attenuate no sound by more than this, in dB from 0; 100 and above: no limit.

    Attributes:
        controls: of all channels.

    Raises:
        InputError: an unknown model or runtime, or a limit out of range.
    """

    def __init__(
        self, model: str = DEFAULT_MODEL, runtime: str = AUTO, atten_limit_db: float = NO_LIMIT_DB
    ) -> None:
        self._names = (model, runtime)
        self._shown: deque[tuple[Moment | None, Image]] = deque(maxlen=_MOST_SHOWN)
        self._runtimes: list[Runtime] = []
        self.controls = Controls(atten_limit_db)
        self._now = Moment(0, 0.0)
        self._lips_s = 0.0  # time of the newest lips
        self._enhancers = self._opened(_FIRST_RATE, 1)

    @property
    def sample_rate(self) -> int:
        """Rate of the last samples in Hz."""
        return self._enhancers[0].sample_rate

    @property
    def channels(self) -> int:
        """How many channels the last samples had."""
        return len(self._enhancers)

    @property
    def latency_ms(self) -> float:
        """How far the output lags the input at the rate of the last samples."""
        return self._enhancers[0].latency.ms

    @property
    def alpha(self) -> float:
        """Confidence in the lips at the last hop, in [0, 1]."""
        return self._enhancers[0].alpha

    @property
    def lips(self) -> LipsKind:
        """What the model sees of a face: "crops" or "landmarks"."""
        return self._enhancers[0].lips

    @property
    def now(self) -> Moment:
        """Where the stream is, for `show`; to be asked for in any thread."""
        return self._now

    def process(self, samples: Samples, sample_rate: int, channels: int = 1) -> Int16:
        """Enhance the next samples.

        Args:
            samples: int16 ``[n * channels]``, interleaved, in the machine's byte order; any n from 0.
            sample_rate: their rate in Hz, 6000 to 192000. Where it or ``channels`` differs from the call
                before, a new stream begins and what the old one still held is dropped: `flush` it first.
            channels: how many are interleaved, from 1.

        Returns:
            int16 ``[n * channels]``: the input from `latency_ms` ago, enhanced.

        Raises:
            InputError: a rate out of range, or samples that are no whole number of 16-bit samples for each
                channel; nothing has changed then.
        """
        block = _as_float(samples, channels)
        if (sample_rate, channels) != (self.sample_rate, self.channels):
            self._enhancers = self._opened(sample_rate, channels)
            self._begin()
        lips = self._due_lips()
        try:
            columns = [
                enhancer.process(channel, lips)
                for enhancer, channel in zip(self._enhancers, block, strict=True)
            ]
        except BaseException:  # half of the channels are done: all begin again
            self.reset()
            raise
        self._now = Moment(self._now.stream, self._now.time_s + block.shape[1] / sample_rate)
        return _interleaved(columns)

    def show(self, frame: LipFrame, captured: Moment | None = None) -> None:
        """Take the newest lips of a video, from any thread.

        Args:
            frame: as `lipstream.LipReader` gives it; its time does not count.
            captured: when, as `now` said it then; None: with the next samples. Where another stream has
                begun since, they count no more.

        Raises:
            InputError: it does not show what the model sees.
        """
        shown = frame.landmarks if self.lips == "landmarks" else frame.crop
        if shown is None:
            raise InputError(
                f"the model sees {self.lips} of lips: make frames with lipstream.LipReader('{self.lips}')"
            )
        self._shown.append((captured, shown))

    def flush(self) -> Int16:
        """The end of the stream, int16 ``[latency * channels]``; the next samples begin a new one."""
        tail = _interleaved([enhancer.flush() for enhancer in self._enhancers])
        self.reset()
        return tail

    def reset(self) -> None:
        """Forget the stream: the next samples begin a new one."""
        for enhancer in self._enhancers:
            enhancer.reset()
        self._begin()

    def _begin(self) -> None:
        self._now, self._lips_s = Moment(self._now.stream + 1, 0.0), 0.0

    def _due_lips(self) -> list[tuple[float, Image]]:
        """What was shown since the last call, with the times in this stream."""
        lips = []
        while self._shown:
            captured, image = self._shown.popleft()
            moment = captured or self._now
            if moment.stream == self._now.stream:
                self._lips_s = max(self._lips_s, moment.time_s)
                lips.append((self._lips_s, image))
        return lips

    def _opened(self, sample_rate: int, channels: int) -> list[Enhancer]:
        while len(self._runtimes) < channels:
            self._runtimes.append(load_bounded_runtime(*self._names))
        model = self._names[0]
        return [
            Enhancer(model, sample_rate, runtime, controls=self.controls)
            for runtime in self._runtimes[:channels]
        ]


def _as_float(samples: Samples, channels: int) -> Float32:
    """float32 ``[channels, n]`` of interleaved 16-bit samples, each channel contiguous."""
    raw = np.frombuffer(samples, np.uint8)
    if channels < 1 or raw.nbytes % (2 * channels):
        raise InputError(
            f"{raw.nbytes} bytes are no whole number of 16-bit samples for {channels} channels: "
            "hand over interleaved int16"
        )
    return from_int16(np.ascontiguousarray(raw.view(np.int16).reshape(-1, channels).T))


def _interleaved(columns: list[Float32]) -> Int16:
    return to_int16(np.stack(columns, axis=1)).reshape(-1)

"""The input side of a live stream: from the device's callback to the samples that the worker takes."""

import numpy as np

from ....core.arrays import Float32
from ....core.buffers import SampleRing
from ....models.config import SAMPLE_LIMIT
from ...devices.endpoints import EndpointInfo
from ...dsp.clock import Clock
from ...dsp.conceal import Fader
from .estimate import BufferedAudio

#: Seconds of a fade around samples that were lost.
FADE_S = 0.005
#: Seconds of audio the ring has room for, beyond what is held back on purpose.
CAPACITY_S = 2.0


class CaptureBuffer:
    """Holds captured samples until the worker takes them, and knows which time each of them stands for.

    Args:
        info: of the source.
        clock: the stream's.
        buffered: the stream's estimate, which hears of what is captured or lost here.
        held_back: samples that stay here on purpose, so that the sound comes later.
        most_waiting: of more samples than these and a block only the newest are still worth taking.
        piece: samples that `take` gives at most.

    Attributes:
        overflows: blocks that found no room for all of them.
        damaged: pieces that held what no sound is, and became silence.
        device_s: the device's own latency in seconds, by the times it tells, smoothed.
    """

    def __init__(
        self,
        info: EndpointInfo,
        clock: Clock,
        buffered: BufferedAudio,
        held_back: int,
        most_waiting: int,
        piece: int,
    ) -> None:
        self._clock = clock
        self._buffered = buffered
        self._held_back = buffered.withheld = held_back
        self._most_waiting = most_waiting
        self._piece = max(piece, round(FADE_S * info.rate))
        self._ring = SampleRing(round(CAPACITY_S * info.rate) + held_back + 4 * info.block)
        self._fader = Fader(round(FADE_S * info.rate), level=0)
        self._captured = self._latest = 0
        self._lost = 0  # captured, but there was no room
        self._overflows_seen = 0
        self.overflows = 0
        self.damaged = 0
        self._block = info.block
        self._rate = info.rate
        self.device_s = info.latency_s

    def capture(self, block: Float32, time_s: float) -> None:
        """Take a block from the device: its `Deliver`."""
        now_s = self._clock.now()
        written = self._ring.write(block)
        self._captured += len(block)  # once it can be taken, for `next_s`
        self._latest = len(block)
        if written < len(block):
            self._lost += len(block) - written
            self._buffered.withheld = self._lost + self._held_back
            self.overflows += 1
        self._block = max(self._block, len(block))
        self.device_s += 0.02 * (now_s - time_s - self.device_s)
        self._buffered.source.update(now_s, self._captured)

    @property
    def read(self) -> int:
        """Samples that left the ring so far, taken or dropped."""
        return self._ring.read

    @property
    def waiting(self) -> int:
        """Samples that can be taken now."""
        return max(0, self._ring.fill - self._held_back)

    @property
    def block_s(self) -> float:
        """Seconds of the longest block so far."""
        return self._block / self._rate

    @property
    def next_s(self) -> float:
        """When the next block is due by the device's clock; long past where that is not known.

        Asked first, before `waiting`, neither overlooks a block that comes meanwhile.
        """
        return self._buffered.source.time_of(self._captured + self._latest)

    def captured_by(self, time_s: float) -> float:
        """How many samples in the ring's count were captured by this time."""
        return self._buffered.source.samples_at(time_s + self.device_s) - self._lost

    def take(self) -> Float32:
        """The next samples for the worker, float32 ``[n]``, an array of its own; empty where none wait.

        After a stall the audio that came too late is dropped, between a fade out and a fade in. What follows
        damaged samples fades in as well.
        """
        waiting = self.waiting
        stale = 0
        if self.overflows != self._overflows_seen:
            self._overflows_seen = self.overflows
            stale = self._ring.fill  # all that lies before the hole
        elif waiting > self._most_waiting + self._block:
            stale = waiting - self._piece
        samples = np.empty(min(self._piece, max(waiting, stale)), np.float32)
        self._ring.read_into(samples)
        # A driver that stumbles may give NaN, infinity or what was left in its memory: beyond the limit there
        # is no sound. Written so that NaN fails it too.
        if not np.abs(samples).max(initial=0.0) <= SAMPLE_LIMIT:
            self.damaged += 1
            samples[:] = 0.0
            self._fader.cut()
        self._fader.apply(samples, up=not stale)
        self._ring.drop(max(0, stale - len(samples)))
        return samples

"""The output side of a live stream: from the samples that the worker made to the device's callback."""

from collections.abc import Callable

import numpy as np

from ...core.arrays import Float32
from ..controls import Controls
from ..devices.endpoints import EndpointInfo
from ..dsp.buffers import SampleRing
from ..dsp.clock import Clock, DelayLockedLoop
from ..dsp.conceal import Concealer, Fader, falling

#: Seconds of each fade.
FADE_S = 0.005
#: Seconds of sound the ring has room for.
CAPACITY_S = 1.0
#: A callback that finds too little waits for so much of a block's time and looks so often, in seconds.
PATIENCE, GLANCE_S = 0.5, 0.0005


class Outlet:
    """Plays what the worker made, and makes something of it where that is missing or too much.

    After a gap it stays silent until as much sound is ready as the target asks for, so that one late turn
    of the worker is one gap.

    Args:
        info: of the sink.
        clock: the stream's.
        made_by: how many samples a worker without delay would have put here by a time, in `put`'s count.
        controls: of the stream, of which `mute` counts here.
        patient: whether a callback that finds too little waits a moment before the sound breaks off; only
            where the worker has a thread of its own.

    Attributes:
        target_s: seconds of sound to have ready before it begins after a gap; for the monitor to set.
        observed: whether `ready_s` can be trusted; for the monitor to set.
        device_s: the device's own latency in seconds, by the times it tells, smoothed.
    """

    def __init__(
        self,
        info: EndpointInfo,
        clock: Clock,
        made_by: Callable[[float], float],
        controls: Controls,
        patient: bool = False,
    ) -> None:
        fade = round(FADE_S * info.rate)
        self._clock = clock
        self._made_by = made_by
        self._controls = controls
        self._patient = patient
        self._ring = SampleRing(round(CAPACITY_S * info.rate) + 4 * info.block)
        self._loop = DelayLockedLoop(info.rate)
        self._concealer = Concealer(fade)
        self._mute = Fader(fade)
        self._cut_from = np.zeros(fade, np.float32)
        self._played = 0
        self._made_up = 0  # played, but not from the ring; cuts count as less than nothing
        self._cut_wanted = self._cut_done = 0
        self._overflows = self._overflows_seen = 0
        self._dry = True
        self._lack = self._written_before = 0
        self.target_s = 0.0
        self.observed = False
        self._block = info.block
        self._rate = info.rate
        self.device_s = info.latency_s

    def render(self, block: Float32, time_s: float) -> None:
        """Fill a block for the device: its `Render`."""
        now_s = self._clock.now()
        self._loop.update(now_s, self._played)
        self._block = max(self._block, len(block))
        self.device_s += 0.02 * (time_s - now_s - self.device_s)
        if self._overflows != self._overflows_seen:  # nobody listened: what waits is old and has holes
            self._overflows_seen = self._overflows
            self._ring.drop(self._ring.fill)
            self._dry = True
        if self._patient and not self._dry:
            self._wait_for(len(block))
        playing = not self._dry or self._ready(now_s, len(block))
        there = self._read(block) if playing else 0
        self._dry = there < len(block)
        if self._dry:
            self._note_lack(len(block) - there, breaks_off=playing)
        self._concealer.complete(block, there)
        self._mute.apply(block, up=not self._controls.mute)
        self._played += len(block)
        self._made_up = self._played - self._ring.read

    def put(self, samples: Float32) -> None:
        """Add what the worker made, float32 ``[n]``."""
        if self._ring.write(samples) < len(samples):
            self._overflows += 1

    def cut(self, seconds: float) -> None:
        """Drop so much sound at the next block, over a cross-fade."""
        self._cut_wanted += round(seconds * self._rate)

    @property
    def written(self) -> int:
        """Samples put here so far."""
        return self._ring.written

    @property
    def gaps(self) -> int:
        """Times that the sound broke off because nothing was there."""
        return self._concealer.gaps

    @property
    def lack_s(self) -> float:
        """Seconds of sound that, had it been ready as well, would have kept the last gap from happening."""
        return self._lack / self._rate

    @property
    def block_s(self) -> float:
        """Seconds of the longest block so far."""
        return self._block / self._rate

    def runs(self, time_s: float) -> bool:
        """Whether the device fetches at this time and its clock is known."""
        return self._loop.settled(time_s)

    @property
    def steady(self) -> bool:
        """Whether it plays without a gap and no cut is under way."""
        return not self._dry and self._cut_wanted == self._cut_done

    def ready_s(self, time_s: float) -> float:
        """Seconds of sound between source and sink at this time, apart from what the enhancer delays.

        Both ends count by their devices' clocks, smoothed, so that blocks and late callbacks do not show:
        the samples from a worker without delay, less those that the device has come to.
        """
        return (self._made_by(time_s) - (self._loop.samples_at(time_s) - self._made_up)) / self._rate

    def _ready(self, now_s: float, count: int) -> bool:
        """Whether to begin with this block; then what is more than the target is dropped unheard."""
        fill = self._ring.fill
        excess = fill - round(self.target_s * self._rate)
        if self.observed:  # else only what lies here is sure, which is most just after a block
            excess += max(0, round(self.ready_s(now_s) * self._rate) - fill)
        if fill < count or excess < 0:
            return False
        if self.observed:
            self._ring.drop(min(fill - count, excess))
        self._cut_done = self._cut_wanted
        return True

    def _wait_for(self, count: int) -> None:
        """Wait until so much is ready, at most for a part of a block.

        A stall of the computer holds up the worker as well as this callback. When it is over the sound to be
        enhanced is there, and so is the worker a moment later; the device's own buffer lasts that long.
        """
        ends_s = self._clock.now() + PATIENCE * self.block_s
        while self._ring.fill < count and self._clock.now() < ends_s:
            self._clock.sleep(GLANCE_S)

    def _note_lack(self, missing: int, breaks_off: bool) -> None:
        """Count what is missing from the beginning of a gap until the worker puts something here."""
        if breaks_off:
            self._lack, self._written_before = 0, self._ring.written
        if self._ring.written == self._written_before:
            self._lack += missing

    def _read(self, block: Float32) -> int:
        """Move samples from the ring into the block, with a cut where one is wanted; gives their number."""
        asked = self._cut_wanted
        fade = min(len(block), len(self._cut_from))
        spare = self._ring.fill - len(block) - fade
        count = min(asked - self._cut_done - fade, spare)
        self._cut_done = asked  # where there was too little to drop, the monitor will ask again
        if count <= 0:
            return self._ring.read_into(block)
        head = self._cut_from[:fade]
        self._ring.read_into(head)
        self._ring.drop(count)
        there = self._ring.read_into(block)
        block[:fade] += falling(fade) * (head - block[:fade])
        return there

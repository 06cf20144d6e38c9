"""The output side of a live stream: from the samples that the worker gives to the device's callback."""

import numpy as np

from ....core.arrays import Float32
from ....core.buffers import SampleRing
from ...controls import Controls
from ...devices.endpoints import EndpointInfo
from ...dsp.clock import Clock
from ...dsp.conceal import Concealer, Fader, falling
from .estimate import BufferedAudio

#: Seconds of each fade.
FADE_S = 0.005
#: Seconds of audio the ring has room for.
CAPACITY_S = 1.0
#: A callback that finds too little waits for so much of a block's time and looks so often, in seconds.
PATIENCE, GLANCE_S = 0.5, 0.0005


class PlaybackBuffer:
    """Plays what the worker gives; conceals underruns and trims excess audio.

    After an underrun it stays silent until as much audio is buffered as the target asks for, so that one late
    turn of the worker is one underrun.

    Args:
        info: of the sink.
        clock: the stream's.
        buffered: the stream's estimate, which hears of what is played here.
        controls: the stream's, of which `mute` counts here.
        patient: whether a callback that finds too little waits a moment before the audio breaks off; only
            where the worker has a thread of its own.

    Attributes:
        device_s: the device's own latency in seconds, by the times it tells, smoothed.
        trims: times that more audio lay here than may be buffered at all, which was dropped.
    """

    def __init__(
        self,
        info: EndpointInfo,
        clock: Clock,
        buffered: BufferedAudio,
        controls: Controls,
        patient: bool = False,
    ) -> None:
        fade = round(FADE_S * info.rate)
        self._clock = clock
        self._buffered = buffered
        self._controls = controls
        self._patient = patient
        self._ring = SampleRing(round(CAPACITY_S * info.rate) + 4 * info.block)
        self._concealer = Concealer(fade)
        self._mute = Fader(fade)
        self._cut_from = np.zeros(fade, np.float32)
        self._played = 0
        self._cut_wanted = self._cut_done = 0
        self._overflows = self._overflows_seen = 0
        self.trims = 0
        self._dry = True
        self._lack = self._written_before = 0
        self._block = info.block
        self._rate = info.rate
        self.device_s = info.latency_s

    def render(self, block: Float32, time_s: float) -> None:
        """Fill a block for the device: its `Render`."""
        now_s = self._clock.now()
        self._buffered.sink.update(now_s, self._played)
        self._block = max(self._block, len(block))
        self.device_s += 0.02 * (time_s - now_s - self.device_s)
        if self._overflows != self._overflows_seen:  # nobody listened: what waits is old and has holes
            self._overflows_seen = self._overflows
            self._ring.drop(self._ring.fill)
            self._dry = True
        if self._patient and not self._dry:
            self._wait_for(len(block))
        playing = not self._dry or self._may_begin(now_s, len(block))
        there = self._read(block, now_s) if playing else 0
        self._dry = there < len(block)
        if self._dry:
            self._note_lack(len(block) - there, breaks_off=playing)
        self._concealer.complete(block, there)
        self._mute.apply(block, up=not self._controls.mute)
        self._played += len(block)
        self._buffered.concealed = self._played - self._ring.read

    def put(self, samples: Float32) -> None:
        """Add what the worker gives, float32 ``[n]``."""
        if self._ring.write(samples) < len(samples):
            self._overflows += 1

    def cut(self, seconds: float) -> None:
        """Drop so much audio at the next block, over a cross-fade."""
        self._cut_wanted += round(seconds * self._rate)

    @property
    def written(self) -> int:
        """Samples put here so far."""
        return self._ring.written

    @property
    def underruns(self) -> int:
        """Times that the audio broke off because nothing was there."""
        return self._concealer.underruns

    @property
    def lack_s(self) -> float:
        """Seconds of audio that, buffered as well, would have kept the last underrun from happening."""
        return self._lack / self._rate

    @property
    def block_s(self) -> float:
        """Seconds of the longest block so far."""
        return self._block / self._rate

    @property
    def steady(self) -> bool:
        """Whether it plays without an underrun and no cut is under way."""
        return not self._dry and self._cut_wanted == self._cut_done

    def _may_begin(self, now_s: float, count: int) -> bool:
        """Whether to begin with this block; then what is more than the target is dropped unheard."""
        fill = self._ring.fill
        excess = fill - round(self._buffered.target_s * self._rate)
        if self._buffered.known:  # else only what lies here is sure, which is most just after a block
            excess += max(0, round(self._buffered.seconds(now_s) * self._rate) - fill)
        if fill < count or excess < 0:
            return False
        if self._buffered.known:
            self._ring.drop(min(fill - count, excess))
        self._cut_done = self._cut_wanted
        return True

    def _wait_for(self, count: int) -> None:
        """Wait until so much is there, at most for a part of a block.

        A stall of the computer holds up the worker as well as this callback. When it is over the audio to be
        enhanced is there, and so is the worker a moment later; the device's own buffer lasts that long.
        """
        ends_s = self._clock.now() + PATIENCE * self.block_s
        while self._ring.fill < count and self._clock.now() < ends_s:
            self._clock.sleep(GLANCE_S)

    def _note_lack(self, missing: int, breaks_off: bool) -> None:
        """Count what is missing from the beginning of an underrun until the worker puts something here."""
        if breaks_off:
            self._lack, self._written_before = 0, self._ring.written
        if self._ring.written == self._written_before:
            self._lack += missing

    def _too_much(self, now_s: float, count: int) -> int:
        """Samples beyond the target, where more lie here than may be buffered at all; mostly 0.

        The buffer control would have cut them away before, had it known: the sink's clock misled it.
        """
        fill = self._ring.fill
        if fill - count <= self._buffered.most_s * self._rate:
            return 0
        self.trims += 1
        self._buffered.sink.restart(now_s, self._played)
        return fill - round(self._buffered.target_s * self._rate)

    def _read(self, block: Float32, now_s: float) -> int:
        """Move samples from the ring into the block, with a cut where one is wanted; gives their number."""
        asked = self._cut_wanted
        wanted = max(asked - self._cut_done, self._too_much(now_s, len(block)))
        fade = min(len(block), len(self._cut_from))
        spare = self._ring.fill - len(block) - fade
        count = min(wanted - fade, spare)
        self._cut_done = asked  # where there was too little to drop, the monitor will ask again
        if count <= 0:
            return self._ring.read_into(block)
        head = self._cut_from[:fade]
        self._ring.read_into(head)
        self._ring.drop(count)
        there = self._ring.read_into(block)
        block[:fade] += falling(fade) * (head - block[:fade])
        return there

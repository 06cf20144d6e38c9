"""Control of the buffered audio: drift, a target that adapts to underruns, and cuts after a stall."""

from ...dsp.clock import Clock, DriftController
from .capture import CaptureBuffer
from .estimate import BufferedAudio
from .playback import PlaybackBuffer

#: Audio beyond the target by more than this many seconds is cut away; less is drained by the drift control.
CUT_S = 0.0125
#: ... once it has been so for as many seconds: a late callback is over sooner.
PATIENCE_S = 0.5
#: Two underruns within so many seconds are no accident: more audio is buffered,
RECENT_S = 10.0
#: by what both have lacked, and not by less than this in seconds.
STEP_S = 0.005
#: Half of what was added is taken back after as many seconds without an underrun.
CALM_S = 300.0


class AdaptiveTarget:
    """The seconds of audio to keep buffered, raised while the output keeps running dry."""

    def __init__(self) -> None:
        self._extra_s = 0.0
        self._underruns = 0
        self._underrun_s = -RECENT_S  # time of the last underrun,
        self._lack_s = 0.0  # and what it lacked
        self._changed_s = 0.0

    def update(
        self, now_s: float, underruns: int, lack_s: float, settled: bool, least_s: float, most_s: float
    ) -> float:
        """The target in seconds from now on.

        Args:
            now_s: the time.
            underruns: times that the output ran dry since the start.
            lack_s: seconds of audio that would have kept the last of them from happening.
            settled: whether both devices run steadily; what happens while they start or stand still teaches
                nothing.
            least_s: what to keep buffered while it does not run dry.
            most_s: what to keep buffered at most, not below `least_s`.
        """
        new, self._underruns = underruns > self._underruns, underruns
        if new and settled:
            if now_s - self._underrun_s < RECENT_S:
                more_s = max(STEP_S, min(lack_s, self._lack_s))
                self._extra_s = min(self._extra_s + more_s, most_s - least_s)
            self._underrun_s = self._changed_s = now_s
            self._lack_s = lack_s
        elif self._extra_s and now_s - self._changed_s > CALM_S:
            self._extra_s = max(0.0, self._extra_s - max(STEP_S, self._extra_s / 2))
            self._changed_s = now_s
        return min(least_s + self._extra_s, most_s)


class ExcessDetector:
    """Notices audio that has piled up, which no drift control drains in time."""

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._least_s = 0.0

    def update(self, now_s: float, excess_s: float, most_s: float) -> float:
        """Seconds of audio to cut away now, mostly 0.

        Args:
            now_s: the time.
            excess_s: seconds of audio beyond the target.
            most_s: an excess that must not stay any longer.
        """
        if excess_s <= CUT_S:
            self._since_s = None
            return 0.0
        if self._since_s is None:
            self._since_s, self._least_s = now_s, excess_s
        self._least_s = min(self._least_s, excess_s)
        if excess_s <= most_s and now_s - self._since_s < PATIENCE_S:
            return 0.0
        self._since_s = None
        return self._least_s if excess_s <= most_s else excess_s

    def reset(self) -> None:
        """Forget what was seen: what comes is not to be compared with it."""
        self._since_s = None


class BufferControl:
    """Keeps as much audio buffered for the sink as its target asks for.

    Args:
        buffered: the stream's estimate, which gets the target from here.
        capture: the source's buffer.
        playback: the sink's, which gets its cuts from here.
        clock: the stream's.
        margin_s: seconds to keep buffered beyond one block of each device.
        most_s: seconds to keep buffered at most, beyond the source's block.
        same_clock: both devices run on one clock.

    Attributes:
        ratio: for the resampler between the two clocks.
        cuts: times that piled-up audio was dropped.
    """

    def __init__(
        self,
        buffered: BufferedAudio,
        capture: CaptureBuffer,
        playback: PlaybackBuffer,
        clock: Clock,
        margin_s: float,
        most_s: float,
        same_clock: bool,
    ) -> None:
        self._buffered, self._capture, self._playback = buffered, capture, playback
        self._clock = clock
        self._margin_s = margin_s
        self._most_s = most_s
        self._drift = DriftController(same_clock)
        self._target = AdaptiveTarget()
        self._detector = ExcessDetector()
        self._tick_s = clock.now()
        self.ratio = 1.0
        self.cuts = 0
        self._buffered.target_s, self._buffered.most_s = self.least_s, self._allowed_s

    def tick(self) -> None:
        """Look and act; one to ten times a second."""
        now_s = self._clock.now()
        step_s, self._tick_s = now_s - self._tick_s, now_s
        least_s, most_s = self.least_s, self._allowed_s
        settled = self._buffered.settled(now_s)
        target_s = self._target.update(
            now_s, self._playback.underruns, self._playback.lack_s, settled, least_s, most_s
        )
        self._buffered.target_s, self._buffered.most_s = target_s, most_s
        self._buffered.known = settled
        if not (settled and self._playback.steady):
            self._detector.reset()
            self.ratio = self._drift.hold()
            return
        excess_s = self._buffered.seconds(now_s) - target_s
        cut_s = self._detector.update(now_s, excess_s, most_s - target_s)
        if cut_s:
            self.cuts += 1
            self._playback.cut(cut_s)
        self.ratio = self._drift.update(excess_s - cut_s, step_s)

    @property
    def least_s(self) -> float:
        """The target in seconds while nothing asks for more: a block of each device, and the margin.

        Just before a block arrives the worker has seen all but that block, and just after one is fetched
        the sink holds all of that block: so much must lie between the two smoothed counts that both find
        what they need at any phase to each other.
        """
        return self._capture.block_s + self._playback.block_s + self._margin_s

    @property
    def _allowed_s(self) -> float:
        """What may be buffered at all."""
        return max(self.least_s, self._most_s + self._capture.block_s)

    @property
    def drift_ppm(self) -> float:
        """How much faster the source's clock runs than the sink's."""
        return self._drift.ppm

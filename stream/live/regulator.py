"""The monitor's hand on the delay: drift control, a target that learns, and cuts after a stall."""

from ..audio.clock import Clock
from ..audio.drift import DriftController
from .intake import Intake
from .outlet import Outlet
from .target import BufferTarget, LatencyWatch


class LatencyRegulator:
    """Keeps as much sound ready for the sink as its target asks for.

    Args:
        intake: whose callbacks tell the source's clock.
        outlet: whose callbacks tell the sink's; gets its target and its cuts from here.
        clock: the stream's.
        margin_s: seconds to keep ready beyond one block of each device.
        most_s: seconds to keep ready at most, beyond the source's block.
        same_clock: both devices run on one clock.
    """

    def __init__(
        self,
        intake: Intake,
        outlet: Outlet,
        clock: Clock,
        margin_s: float,
        most_s: float,
        same_clock: bool,
    ) -> None:
        self._intake, self._outlet, self._clock = intake, outlet, clock
        self._margin_s = margin_s
        self._most_s = most_s
        self._drift = DriftController(same_clock)
        self._target = BufferTarget()
        self._watch = LatencyWatch()
        self._tick_s = clock.now()
        self.ratio = 1.0  # for the resampler between the two clocks
        self.cuts = 0  # times that piled-up sound was dropped
        self._outlet.target_s = self.least_s

    def tick(self) -> None:
        """Look and act; one to ten times a second."""
        now_s = self._clock.now()
        step_s, self._tick_s = now_s - self._tick_s, now_s
        most_s = max(self.least_s, self._most_s + self._intake.block_s)
        settled = self._intake.runs(now_s) and self._outlet.runs(now_s)
        target_s = self._target.update(
            now_s, self._outlet.gaps, self._outlet.lack_s, settled, self.least_s, most_s
        )
        self._outlet.target_s, self._outlet.observed = target_s, settled
        if not (settled and self._outlet.steady):
            self._watch.reset()
            self.ratio = self._drift.hold()
            return
        excess_s = self._outlet.ready_s(now_s) - target_s
        cut_s = self._watch.update(now_s, excess_s, most_s - target_s)
        if cut_s:
            self.cuts += 1
            self._outlet.cut(cut_s)
        self.ratio = self._drift.update(excess_s - cut_s, step_s)

    @property
    def least_s(self) -> float:
        """The target in seconds while nothing asks for more: a block of each device, and the margin.

        Just before a block arrives the worker has seen all but that block, and just after one is fetched
        the sink holds all of that block: so much must lie between the two smoothed counts that both find
        what they need at any phase to each other.
        """
        return self._intake.block_s + self._outlet.block_s + self._margin_s

    @property
    def drift_ppm(self) -> float:
        """How much faster the source's clock runs than the sink's."""
        return self._drift.ppm

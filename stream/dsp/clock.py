"""Clocks of devices: learned from callback times, and a PI controller for the drift between two of them."""

import time
from math import inf, pi, sqrt
from typing import Protocol

#: No sound device is further from its nominal rate than this; a loop that says so has not locked.
MAX_DRIFT = 0.005
#: The loop starts wide and narrows as it learns, down to this bandwidth in Hz.
BANDWIDTH_HZ = 0.02
#: Seconds from the first callback until the loop's answer is good to a fraction of the callbacks' jitter.
SETTLING_S = 1.0
#: A callback off by more seconds than these and than its block is no jitter. One alone is passed over.
STEP_S = 0.02
#: Where callbacks stay off for so long, or stay away for so long, the device's time has moved.
PATIENCE_S = 0.25


class Clock(Protocol):
    """Monotonic time in seconds; only differences mean something."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class MonotonicClock:
    """The computer's: `time.perf_counter`."""

    def now(self) -> float:
        return time.perf_counter()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class ManualClock:
    """Simulated time, which stands still until it is moved."""

    def __init__(self, now_s: float = 0.0) -> None:
        self._now_s = now_s

    def now(self) -> float:
        return self._now_s

    def sleep(self, seconds: float) -> None:
        self._now_s += seconds

    def advance_to(self, time_s: float) -> None:
        """Move on to this time, if it is yet to come."""
        self._now_s = max(self._now_s, time_s)


class DelayLockedLoop:
    """Where a device is in its stream at any time, and how fast it runs, from the times of its callbacks.

    A second-order delay-locked loop (F. Adriaensen, "Using a DLL to filter time", LAC 2005): each callback
    moves the estimate of time by b and that of the period by c of the error, with ``b = sqrt(2) w``,
    ``c = w^2`` and ``w = 2 pi bandwidth`` times the seconds since the last one. The error then follows
    ``z^2 - (2 - b - c) z + (1 - b)``, which by Jury's criterion is stable for ``0 < b, 0 < c`` and
    ``2 b + c < 4``; with w held at or below 0.7 that is so for blocks of any length.

    Jitter averages out. A step in the device's time (it stood still, or lost samples) is told from jitter by
    its size and its staying; then the loop starts again from there, keeping the rate it had learned.

    One thread calls `update`; any other may read, as the state is replaced as a whole.

    Args:
        rate: the device's nominal rate in Hz.
    """

    def __init__(self, rate: float) -> None:
        self._nominal = 1.0 / rate
        # Time in s of a sample, its count, seconds a sample.
        self._state: tuple[float, int, float] | None = None
        self._last_s = self._due_s = 0.0  # time of the last update; of the next if it is like the last
        self._began_s = 0.0  # when the loop started, or started again
        self._locked_s = 0.0  # seconds of sound since then
        self._off_s: float | None = None  # since when updates are off by a step

    @property
    def rate(self) -> float:
        """The device's rate in Hz."""
        return 1.0 / (self._state[2] if self._state else self._nominal)

    def settled(self, time_s: float) -> bool:
        """Whether at this time callbacks still come, and enough came in a row to trust the answer."""
        # Both: a device that wakes up may fetch seconds of sound in one moment, which teach nothing.
        locked_s = min(self._locked_s, self._last_s - self._began_s)
        return locked_s >= SETTLING_S and time_s < self._due_s + PATIENCE_S

    def update(self, time_s: float, total_samples: int) -> None:
        """Take in that at this time the device has reached this count of samples."""
        if self._state is None:
            self.restart(time_s, total_samples)
            return
        anchor_s, anchor, period = self._state
        count = total_samples - anchor
        if count <= 0:
            return
        predicted_s = anchor_s + count * period
        error_s = time_s - predicted_s
        missed = time_s > self._last_s + count * period + PATIENCE_S
        self._last_s, self._due_s = time_s, time_s + count * period
        if missed or self._has_stepped(time_s, abs(error_s) > max(STEP_S, count * period)):
            self.restart(time_s, total_samples)
            return
        if self._off_s is not None:
            error_s = 0.0
        self._locked_s += count * self._nominal
        bandwidth = max(BANDWIDTH_HZ, 0.5 / self._locked_s)
        w = min(0.7, 2 * pi * bandwidth * count * self._nominal)
        period += w * w * error_s / count
        period = min(max(period, self._nominal * (1 - MAX_DRIFT)), self._nominal * (1 + MAX_DRIFT))
        self._state = (predicted_s + sqrt(2) * w * error_s, total_samples, period)

    def restart(self, time_s: float, total_samples: int) -> None:
        """Begin again from here, keeping the rate learned: what was said of the device's time is wrong."""
        self._state = (time_s, total_samples, self._state[2] if self._state else self._nominal)
        self._last_s = self._began_s = time_s
        self._locked_s = 0.0
        self._off_s = None

    def samples_at(self, time_s: float) -> float:
        """The count of samples, with its fraction, that it reaches at this time; 0 before any update."""
        if self._state is None:
            return 0.0
        anchor_s, anchor, period = self._state
        return anchor + (time_s - anchor_s) / period

    def time_of(self, total_samples: float) -> float:
        """When it reaches this count of samples, in seconds; minus infinity before any update."""
        if self._state is None:
            return -inf
        anchor_s, anchor, period = self._state
        return anchor_s + (total_samples - anchor) * period

    def _has_stepped(self, time_s: float, off: bool) -> bool:
        """Whether times have been off for too long; notes since when they are."""
        if not off:
            self._off_s = None
        elif self._off_s is None:
            self._off_s = time_s
        return self._off_s is not None and time_s - self._off_s > PATIENCE_S


#: Natural frequency of the control loop in Hz: so slow that no ear follows it.
DRIFT_BANDWIDTH_HZ = 0.05
#: Drift is learned from errors of up to so many seconds; more is left over from a start or a new target.
LEARNED_S = 0.0005


class DriftController:
    """Turns the error of the buffered audio into a resampling ratio.

    With ``e`` the seconds buffered beyond the target and the ratio ``1 - u``, the error changes by
    ``drift - u`` a second, whatever the devices do: their observation lies outside the loop. ``u = kp e +
    ki sum(e dt)`` with ``kp = sqrt(2) w``, ``ki = w^2``, ``w = 2 pi 0.05`` gives ``s^2 + kp s + ki``:
    damping 0.7, no error left at any constant drift, and stable for steps of up to 4 s by the same criterion
    as the delay-locked loop. A drift of 200 ppm moves the buffer by 0.3 ms before it is learned. Beyond
    0.5 ms the sum grows no faster, and the loop is of first order.
    (F. Adriaensen, "Controlling adaptive resampling", LAC 2012.)

    Args:
        same_clock: both ends run on one clock: nothing to learn, only errors to put right.
    """

    def __init__(self, same_clock: bool = False) -> None:
        w = 2 * pi * DRIFT_BANDWIDTH_HZ
        self._proportional = sqrt(2) * w
        self._integral = 0.0 if same_clock else w * w
        self._drift = 0.0

    @property
    def ppm(self) -> float:
        """How much faster the source's clock runs than the sink's, in parts a million, as learned so far."""
        return 1e6 * self._drift

    def update(self, error_s: float, step_s: float) -> float:
        """The ratio from now on: output samples for each that the nominal rates ask for.

        Args:
            error_s: seconds buffered beyond the target, smoothed.
            step_s: seconds since the last update.

        Returns:
            Within 0.5 % of 1.
        """
        push = self._proportional * error_s
        if abs(self._drift + push) < MAX_DRIFT:  # beyond, learning would only wind up
            learned_s = min(max(error_s, -LEARNED_S), LEARNED_S)
            self._drift += self._integral * learned_s * min(step_s, 1.0)
        return 1.0 - min(max(self._drift + push, -MAX_DRIFT), MAX_DRIFT)

    def hold(self) -> float:
        """The ratio while there is nothing to observe."""
        return 1.0 - self._drift

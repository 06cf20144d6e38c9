"""Keeping the sound between two device clocks at one length: PI control of what is buffered."""

from math import pi, sqrt

from .clock import MAX_DRIFT

#: Natural frequency of the control loop in Hz: so slow that no ear follows it.
BANDWIDTH_HZ = 0.05
#: Drift is learned from errors of up to so many seconds; more is left over from a start or a new target.
LEARNED_S = 0.0005


class DriftController:
    """Turns the error of the buffered sound into a resampling ratio.

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
        w = 2 * pi * BANDWIDTH_HZ
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

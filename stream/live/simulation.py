"""Sources, sinks and a worker in simulated time: hours of a live stream in seconds, the same every time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt

from ...core.arrays import Float32
from ..devices.endpoints import Deliver, EndpointInfo, Render
from ..dsp.clock import ManualClock
from .pipeline import LivePipeline

#: Sound as a function of time: float64 ``[n]`` seconds to float32 ``[n]``.
Signal = Callable[[npt.NDArray[np.float64]], Float32]


@dataclass(frozen=True)
class DeviceTiming:
    """How a simulated device misbehaves.

    Attributes:
        ppm: how much faster than nominal its clock runs, in parts a million.
        jitter_s: callbacks come late by up to this, at random.
        burst: callbacks come so many at a time.
        stalls: when it stands still, as (from, to) in seconds; what would have been sound is lost.
        stamped: whether it knows the true times of its samples; if not it tells the time of the call.
    """

    ppm: float = 0.0
    jitter_s: float = 0.0
    burst: int = 1
    stalls: Sequence[tuple[float, float]] = ()
    stamped: bool = True


class _Device:
    """When callbacks happen: block k is due ``(k + 1) * period`` after the start, and so after each start."""

    def __init__(self, info: EndpointInfo, clock: ManualClock, timing: DeviceTiming, late: int) -> None:
        self._info = info
        self._clock = clock
        self._timing = timing
        self._late = late  # 1: a burst waits for its last block; 0: it comes with its first
        self._random = np.random.default_rng(0)
        self._blocks = 0
        self._running = False
        self.rate = info.rate * (1 + 1e-6 * timing.ppm)  # true samples a second
        self.next_s = inf  # when the next callback happens

    @property
    def info(self) -> EndpointInfo:
        return self._info

    @property
    def alive(self) -> bool:
        return self._running

    def stop(self) -> None:
        """Call no more."""
        self._running = False
        self.next_s = inf

    def _begin(self) -> None:
        self._running = True
        self._blocks = 0
        self._origin_s = self._clock.now()
        self._schedule(0.0)

    def _due_s(self, block: int) -> float:
        return self._origin_s + (block + 1) * self._info.block / self.rate

    def _schedule(self, soonest_s: float) -> None:
        """Find the next callback: past stalls, at the burst's time, late by chance, never before the last."""
        stalls = self._timing.stalls
        while any(begin <= self._due_s(self._blocks) < end for begin, end in stalls):
            self._blocks += 1
        burst = self._timing.burst
        first = self._blocks - self._blocks % burst
        due_s = self._due_s(first + self._late * (burst - 1)) + self._late * self._info.latency_s
        self.next_s = max(soonest_s, due_s + self._timing.jitter_s * self._random.random())


class SimulatedSource(_Device):
    """An `AudioSource` that hears a signal; `fire` is its callback.

    Args:
        info: its block must not be 0.
        clock: simulated time.
        signal: what sounds at each true time.
        timing: how it misbehaves.
    """

    def __init__(
        self, info: EndpointInfo, clock: ManualClock, signal: Signal, timing: DeviceTiming | None = None
    ) -> None:
        super().__init__(info, clock, timing or DeviceTiming(), late=1)
        self._signal = signal

    def start(self, deliver: Deliver) -> None:
        """Begin to deliver at the clock's time."""
        self._deliver = deliver
        self._begin()

    def fire(self) -> None:
        """Deliver the next block; the clock must stand at `next_s`."""
        captured_s = self._due_s(self._blocks)
        times = captured_s + np.arange(1 - self._info.block, 1) / self.rate
        self._deliver(self._signal(times), captured_s if self._timing.stamped else self._clock.now())
        self._blocks += 1
        self._schedule(self._clock.now())


class SimulatedSink(_Device):
    """An `AudioSink` that keeps what it plays and when; `fire` is its callback.

    Args:
        info: its block must not be 0.
        clock: simulated time.
        timing: how it misbehaves.
        keep_from_s: what sounds before is not kept.
    """

    def __init__(
        self,
        info: EndpointInfo,
        clock: ManualClock,
        timing: DeviceTiming | None = None,
        keep_from_s: float = 0.0,
    ) -> None:
        super().__init__(info, clock, timing or DeviceTiming(), late=0)
        self._keep_from_s = keep_from_s
        self._blocks_kept: list[Float32] = []
        self._times_kept: list[npt.NDArray[np.float64]] = []

    def start(self, render: Render) -> None:
        """Begin to ask at the clock's time."""
        self._render = render
        self._begin()

    def fire(self) -> None:
        """Ask for the next block; the clock must stand at `next_s`."""
        sounds_s = self._due_s(self._blocks) + self._info.latency_s
        block = np.zeros(self._info.block, np.float32)
        self._render(block, sounds_s if self._timing.stamped else self._clock.now())
        if sounds_s >= self._keep_from_s:
            self._blocks_kept.append(block)
            self._times_kept.append(sounds_s + np.arange(len(block)) / self.rate)
        self._blocks += 1
        self._schedule(self._clock.now())

    @property
    def played(self) -> Float32:
        """What sounded, float32 ``[n]``."""
        return np.concatenate([*self._blocks_kept, np.zeros(0, np.float32)])

    @property
    def times_s(self) -> npt.NDArray[np.float64]:
        """When each sample of `played` sounded, float64 ``[n]``."""
        return np.concatenate([*self._times_kept, np.zeros(0)])


def _after(stalls: Sequence[tuple[float, float]], time_s: float) -> float:
    """The time, or where it falls into a stall, the end of that."""
    return max([time_s, *(end for begin, end in stalls if begin <= time_s < end)])


def run_simulated(
    pipeline: LivePipeline,
    source: SimulatedSource,
    sink: SimulatedSink,
    clock: ManualClock,
    until_s: float,
    turn_s: float = 0.002,
    worker_stalls: Sequence[tuple[float, float]] = (),
    tick_s: float = 0.1,
    each_tick: Callable[[], None] | None = None,
) -> None:
    """Run a stream up to a time of the clock. Source and sink are started if they are not running.

    Args:
        pipeline: on the same clock.
        source: what it hears.
        sink: where it plays.
        clock: moved on from event to event.
        until_s: when to return.
        turn_s: how long after a delivery the worker has done with it.
        worker_stalls: when the worker stands still, as (from, to) in seconds.
        tick_s: seconds between two ticks of the monitor.
        each_tick: called after each of them.
    """
    if not source.alive:
        source.start(pipeline.capture)
    if not sink.alive:
        sink.start(pipeline.render)
    work_s, next_tick_s = inf, clock.now() + tick_s
    while (now_s := min(source.next_s, sink.next_s, work_s, next_tick_s)) < until_s:
        clock.advance_to(now_s)
        if now_s == source.next_s:
            source.fire()
            work_s = min(work_s, _after(worker_stalls, now_s + turn_s))
        elif now_s == sink.next_s:
            sink.fire()
        elif now_s == work_s:
            work_s = inf
            pipeline.work()
        else:
            next_tick_s += tick_s
            pipeline.tick()
            if each_tick:
                each_tick()
    clock.advance_to(until_s)

"""Keeps the devices of a live session going: notices that one is lost, and opens it again when it is back.

Beside it, for the display: whether anybody records the virtual microphone.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from ...core.arrays import Float32
from ...errors import InputError
from ..devices.endpoints import AudioSink, AudioSource, Deliver, Render
from ..devices.pulse import Kind
from ..devices.virtual_mic import VirtualMicSink
from ..dsp.clock import Clock

#: Seconds between two questions of a `ListenerWatch`, each of which starts a process.
LISTENERS_EVERY_S = 3.0


@dataclass(frozen=True)
class WatchdogConfig:
    """How patient it is; all in seconds.

    Attributes:
        stall_s: without a call from a device for so long, it is lost. A null sink may need two at the start.
        first_wait_s: from the loss to the first attempt.
        longest_wait_s: between two attempts; until then each wait is twice the one before.
        devices_every_s: between two looks at which device each belongs on, which ask the sound server.
    """

    stall_s: float = 3.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 8.0
    devices_every_s: float = 3.0

    def __post_init__(self) -> None:
        if not 0 < self.first_wait_s <= self.longest_wait_s:
            raise InputError("the watchdog's waits must be above 0, the first no longer than the longest")
        if self.stall_s <= 0 or self.devices_every_s <= 0:
            raise InputError("the watchdog's stall time and the time between looks must be above 0")


class Watched:
    """An endpoint under watch.

    Args:
        kind: what it is.
        endpoint: not started yet.
        callback: what it delivers to or renders from.
        current_device: tells the name of the device that it belongs on now: another one when the default
            device that it follows changes, "" when it is gone, None when nobody tells.
    """

    def __init__(
        self,
        kind: Kind,
        endpoint: AudioSource | AudioSink,
        callback: Deliver | Render,
        current_device: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.kind = kind
        self.endpoint = endpoint
        self._callback = callback
        self._current_device = current_device
        self._opened_at: str | None = None
        self._calls = self._calls_seen = 0
        self._called_s = 0.0
        self.wait_s = 0.0
        self.next_s = inf  # of the next attempt; infinite while all is well

    @property
    def lost(self) -> bool:
        """Whether it is being waited for."""
        return self.next_s < inf

    def start(self, now_s: float) -> None:
        """Open it.

        Raises:
            InputError: it cannot be opened.
        """
        self._called_s = now_s
        self._opened_at = self._current_device()
        self.endpoint.start(self._count)

    def trouble(self, now_s: float, stall_s: float) -> str | None:
        """What is wrong with it, if anything is."""
        if not self.endpoint.alive:
            return "the device is gone"
        if self._calls != self._calls_seen:
            self._calls_seen = self._calls
            self._called_s = now_s
        return f"no sound for {stall_s:g} s" if now_s - self._called_s >= stall_s else None

    def excuse(self, now_s: float) -> None:
        """Nobody looked for a while, so that nobody can say that it was silent."""
        self._called_s = now_s

    def moved_to(self) -> str | None:
        """Where it belongs now, if that is not where it was opened; "" if it is gone."""
        device = self._current_device()
        if device and self._opened_at is None:  # nobody told when it was opened
            self._opened_at = device
        return device if device is not None and device != self._opened_at else None

    def _count(self, block: Float32, time_s: float) -> None:
        self._calls += 1
        self._callback(block, time_s)


class Watchdog:
    """Watches endpoints, from one thread that calls `look` a few times a second.

    Lost is a device that is gone, ended by itself, or did not call for a while. It is opened again with
    doubling waits. PortAudio knows of new devices only when it is initialised again, for which all must be
    closed: so where an attempt fails, the others pause for another one. They play or record nothing that
    matters then, for input and output need each other.

    Args:
        watched: the endpoints, not started yet.
        clock: the stream's.
        tell: told in one line that something is lost, and that it is back, once each.
        refresh: looks for devices again and says whether it could: `refresh_devices` for PortAudio's.
        guard: raises InputError if what was opened must not stay open, such as a feedback loop.
        config: how patient it is.
    """

    def __init__(
        self,
        watched: Sequence[Watched],
        clock: Clock,
        tell: Callable[[str], None],
        refresh: Callable[[], bool] | None = None,
        guard: Callable[[], None] = lambda: None,
        config: WatchdogConfig | None = None,
    ) -> None:
        self._watched = list(watched)
        self._clock = clock
        self._tell = tell
        self._refresh = refresh
        self._guard = guard
        self._config = config or WatchdogConfig()
        self._looked_s = self._devices_s = clock.now()
        self._closed = threading.Event()
        self._restarts = 0

    @property
    def restarts(self) -> int:
        """How many times an endpoint was opened again."""
        return self._restarts

    def start(self) -> None:
        """Open all.

        Raises:
            InputError: one cannot be opened; then none is open.
        """
        try:
            for watched in self._watched:
                watched.start(self._clock.now())
        except BaseException:
            self.close()
            raise
        self._looked_s = self._devices_s = self._clock.now()

    def close(self) -> None:
        """Close all at once, as each may take a second, and open none again; from any thread."""
        self._closed.set()
        closers = [threading.Thread(target=each.endpoint.stop, daemon=True) for each in self._watched]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join()

    def look(self) -> None:
        """See after all endpoints. May take seconds where a device does not answer."""
        now_s = self._clock.now()
        late = now_s - self._looked_s > self._config.stall_s / 2
        for watched in self._watched:
            if late:
                watched.excuse(now_s)
            if watched.lost:
                if now_s >= watched.next_s:
                    self._try_again(watched)
            elif (trouble := watched.trouble(now_s, self._config.stall_s)) is not None:
                self._lose(watched, trouble)
        if now_s - self._devices_s >= self._config.devices_every_s:
            self._devices_s = now_s
            self._follow_devices()
        self._looked_s = self._clock.now()

    def _lose(self, watched: Watched, trouble: str) -> None:
        watched.endpoint.stop()
        watched.wait_s = self._config.first_wait_s
        watched.next_s = self._clock.now() + watched.wait_s
        self._tell(f"{watched.kind} lost ({trouble}): waiting for {watched.endpoint.info.name}")

    def _try_again(self, watched: Watched) -> None:
        if not (self._opens(watched) or (self._look_anew(watched) and self._opens(watched))):
            watched.wait_s = min(2 * watched.wait_s, self._config.longest_wait_s)
            watched.next_s = self._clock.now() + watched.wait_s
            return
        watched.next_s = inf
        self._restarts += 1
        self._tell(f"{watched.kind} back: {watched.endpoint.info.name}")

    def _opens(self, watched: Watched, guarded: bool = True) -> bool:
        if self._closed.is_set():
            return False
        try:
            watched.start(self._clock.now())
            if guarded:
                self._guard()
        except InputError:
            watched.endpoint.stop()
            return False
        if self._closed.is_set():  # in the meantime, by another thread
            watched.endpoint.stop()
        return True

    def _look_anew(self, missing: Watched) -> bool:
        """Have the system list its devices again, while the other endpoints pause."""
        if self._refresh is None:
            return False
        others = [each for each in self._watched if each is not missing and not each.lost]
        for other in others:
            other.endpoint.stop()
        refreshed = self._refresh()
        for other in others:
            if not self._opens(other, guarded=False):
                self._lose(other, "it cannot be opened again")
        return refreshed

    def _follow_devices(self) -> None:
        for watched in self._watched:
            if watched.lost or (device := watched.moved_to()) is None:
                continue
            if device == "":
                self._lose(watched, "the device is gone")
                continue
            watched.endpoint.stop()
            if self._opens(watched):
                self._restarts += 1
                self._tell(f"{watched.kind}: the default device is now {watched.endpoint.info.name}")
            else:
                self._lose(watched, f"the new default device {device} cannot be used")


class ListenerWatch:
    """Asks a virtual microphone now and then who listens; of other sinks nothing is known.

    Args:
        sink: of the session.
        clock: the stream's.

    Attributes:
        listened: whether a program records it; None where that is not known.
    """

    def __init__(self, sink: AudioSink, clock: Clock) -> None:
        self._sink = sink if isinstance(sink, VirtualMicSink) else None
        self._clock = clock
        self._next_s = clock.now()
        self.listened: bool | None = None

    def look(self) -> None:
        """Ask, if it is time to."""
        if self._sink is None or self._clock.now() < self._next_s:
            return
        self.listened = self._sink.listened() if self._sink.alive else None
        self._next_s = self._clock.now() + LISTENERS_EVERY_S

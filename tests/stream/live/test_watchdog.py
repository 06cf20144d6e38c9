"""Lost devices are noticed, waited for with doubling waits and opened again, in simulated time."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from lipstream.errors import InputError
from lipstream.stream.devices.endpoints import EndpointInfo, Render
from lipstream.stream.dsp.clock import ManualClock
from lipstream.stream.live.watchdog import Watchdog, WatchdogConfig, Watched

BLOCK = np.zeros(480, np.float32)


class Endpoint:
    """A device that calls when told to, and can be unplugged."""

    def __init__(self, name: str, clock: ManualClock) -> None:
        self.info = EndpointInfo(name, 48_000, 480, 0.03, name)
        self.plugged = True
        self.attempts: list[float] = []
        self.on_start: Callable[[], None] = lambda: None
        self._clock = clock
        self._callback: Render | None = None

    @property
    def alive(self) -> bool:
        return self.plugged and self._callback is not None

    def start(self, callback: Render) -> None:
        self.attempts.append(self._clock.now())
        self.on_start()
        if not self.plugged:
            raise InputError(f"{self.info.name} is not plugged in")
        self._callback = callback

    def stop(self) -> None:
        self._callback = None

    def call(self) -> None:
        if self.plugged and self._callback is not None:
            self._callback(BLOCK, self._clock.now())


class Room:
    """A microphone and a loudspeaker under watch, and all that was said."""

    def __init__(
        self, refresh: Callable[[], bool] | None = None, guard: Callable[[], None] = lambda: None
    ) -> None:
        self.clock = ManualClock()
        self.microphone = Endpoint("mic", self.clock)
        self.speaker = Endpoint("speaker", self.clock)
        self.default: str | None = "mic one"
        self.said: list[str] = []
        self.calls = 0
        self.stalled: set[Endpoint] = set()
        self.watchdog = Watchdog(
            [
                Watched("input", self.microphone, self._called, lambda: self.default),
                Watched("output", self.speaker, self._called),
            ],
            self.clock,
            self.said.append,
            refresh,
            guard,
        )
        self.watchdog.start()

    def _called(self, block: object, time_s: float) -> None:
        self.calls += 1

    def run(self, seconds: float, step_s: float = 0.25) -> None:
        for _ in range(round(seconds / step_s)):
            self.clock.sleep(step_s)
            for endpoint in (self.microphone, self.speaker):
                if endpoint not in self.stalled:
                    endpoint.call()
            self.watchdog.look()


def test_nothing_is_said_or_done_while_all_is_well() -> None:
    room = Room()
    room.run(60)
    assert (room.said, room.watchdog.restarts, room.calls) == ([], 0, 480)
    assert len(room.microphone.attempts) == 1


def test_an_unplugged_device_is_told_once_and_opened_when_it_is_back() -> None:
    room = Room()
    room.run(10)
    room.microphone.plugged = False
    room.run(60)
    assert room.said == ["input lost (the device is gone): waiting for mic"]
    room.microphone.plugged = True
    room.run(10)
    assert room.said[1:] == ["input back: mic"]
    assert room.watchdog.restarts == 1
    before = room.calls
    room.run(1)
    assert room.calls == before + 8, "it calls again"


def test_waits_double_up_to_the_longest() -> None:
    room = Room()
    room.microphone.plugged = False
    room.run(45)
    attempts = np.array(room.microphone.attempts[1:])
    assert attempts[0] == 0.25 + 0.5
    assert np.diff(attempts).tolist() == [1, 2, 4, 8, 8, 8, 8]


def test_the_next_loss_begins_with_short_waits_again() -> None:
    room = Room()
    for _ in range(2):
        room.microphone.plugged = False
        room.run(30)
        room.microphone.plugged = True
        room.run(10)
    room.microphone.plugged = False
    room.run(0.25)
    lost_s = room.clock.now()
    before = len(room.microphone.attempts)
    room.run(1)
    assert room.microphone.attempts[before] == lost_s + 0.5
    assert len(room.said) == 5


def test_a_device_that_only_stops_calling_is_lost_too() -> None:
    room = Room()
    room.stalled.add(room.speaker)
    room.run(2.75)
    assert room.said == []
    room.run(0.25)
    assert room.said == ["output lost (no sound for 3 s): waiting for speaker"]
    room.stalled.clear()
    room.run(1)
    assert room.said[1:] == ["output back: speaker"]


def test_a_monitor_that_was_held_up_blames_no_device() -> None:
    room = Room()
    room.run(1)
    room.clock.sleep(60)  # the whole process slept
    room.watchdog.look()
    room.run(5)
    assert room.said == []


def test_the_other_endpoint_pauses_while_devices_are_listed_anew() -> None:
    open_then: list[bool] = []

    def refresh() -> bool:
        open_then.append(room.speaker.alive)
        room.microphone.plugged = True  # it was there all the time, under another index
        return True

    room = Room(refresh)
    room.microphone.plugged = False
    room.run(2)
    assert open_then == [False]
    assert room.microphone.alive
    assert room.speaker.alive
    assert room.said == ["input lost (the device is gone): waiting for mic", "input back: mic"]


def test_another_endpoint_that_does_not_come_back_from_its_pause_is_waited_for_too() -> None:
    def refresh() -> bool:
        room.speaker.plugged = back
        return True

    back = False

    room = Room(refresh)
    room.microphone.plugged = False
    room.run(1)
    assert room.said[1] == "output lost (it cannot be opened again): waiting for speaker"
    back = room.microphone.plugged = room.speaker.plugged = True
    room.run(10)
    assert sorted(room.said[2:]) == ["input back: mic", "output back: speaker"]


def test_a_new_default_device_is_followed_by_what_follows_the_default() -> None:
    room = Room()
    room.run(10)
    room.default = "mic two"
    room.microphone.info = replace(room.microphone.info, name="Headset")  # as people know mic two
    room.run(10)
    assert room.said == ["input: the default device is now Headset"]
    assert (len(room.microphone.attempts), len(room.speaker.attempts)) == (2, 1)
    room.default = None  # nobody tells any more
    room.run(10)
    assert len(room.said) == 1


def test_a_device_whose_stream_was_moved_elsewhere_when_it_went_is_lost() -> None:
    room = Room()
    room.run(10)
    room.default = ""
    room.microphone.on_start = lambda: setattr(room.microphone, "plugged", room.default != "")
    room.run(10)
    assert room.said == ["input lost (the device is gone): waiting for mic"]
    room.default, room.microphone.plugged = "mic one", True
    room.run(10)
    assert room.said[1:] == ["input back: mic"]


def test_a_new_default_device_that_would_feed_back_is_not_kept() -> None:
    def guard() -> None:
        if room.default == "monitor":
            raise InputError("it hears itself")

    room = Room(guard=guard)
    room.default = "monitor"
    room.run(10)
    assert room.said == ["input lost (the new default device monitor cannot be used): waiting for mic"]
    assert not room.microphone.alive
    room.default = "mic one"
    room.run(10)
    assert room.said[1:] == ["input back: mic"]


def test_nothing_is_opened_after_the_end() -> None:
    room = Room()
    room.microphone.plugged = False
    room.run(1)
    room.microphone.plugged = True
    room.watchdog.close()
    room.run(30)
    assert not room.microphone.alive
    assert not room.speaker.alive


def test_an_end_that_comes_while_a_device_is_opened_closes_it() -> None:
    room = Room()
    room.microphone.plugged = False
    room.run(0.25)
    room.microphone.plugged = True
    room.microphone.on_start = room.watchdog.close
    room.run(5)
    assert not room.microphone.alive
    assert not room.speaker.alive


def test_a_device_that_is_not_there_at_the_start_is_an_error_and_leaves_none_open() -> None:
    clock = ManualClock()
    microphone, speaker = Endpoint("mic", clock), Endpoint("speaker", clock)
    speaker.plugged = False
    watched = [
        Watched("input", microphone, lambda block, time_s: None),
        Watched("output", speaker, lambda block, time_s: None),
    ]
    with pytest.raises(InputError, match="speaker is not plugged in"):
        Watchdog(watched, clock, print).start()
    assert not microphone.alive


@pytest.mark.parametrize(
    "bad", [{"stall_s": 0.0}, {"first_wait_s": 0.0}, {"longest_wait_s": 0.1}, {"devices_every_s": 0.0}]
)
def test_impossible_patience_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(InputError, match="watchdog"):
        WatchdogConfig(**bad)

"""What a trial is measured with: ends that remember what went through them, and the time each thread took."""

import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import numpy.typing as npt

from lipstream.core.arrays import Float32
from lipstream.stream.devices.endpoints import Deliver, Render
from lipstream.stream.devices.portaudio import PortAudioSink, PortAudioSource

#: Seconds of sound that an end remembers.
WINDOW_S = 5.0
#: A process that only sleeps and is woken so much late, in seconds, has met a stall of the computer.
STALL_S = 0.01
#: Seconds between two looks at a count, and how long after a stall sound can be missed because of it: what
#: was kept ready lasts for some tens of milliseconds, and the look comes late.
LOOK_S, AFTERMATH_S = 0.05, 0.15
#: Delays between these are looked for, in seconds; less than none is what jitter can make of none.
EARLIEST_S, LONGEST_S = 0.02, 1.0


@dataclass(frozen=True)
class Heard:
    """The last seconds at one end.

    Attributes:
        samples: float32 ``[n]``.
        first: count of the first of them since the start.
        counts: counts of samples that the end had come to,
        times_s: and when; float64 ``[k]`` both.
    """

    samples: Float32
    first: int
    counts: npt.NDArray[np.float64]
    times_s: npt.NDArray[np.float64]

    def time_of(self, count: float) -> float:
        """When the end came to this count: by a straight line through all callbacks, as they jitter."""
        slope, offset = np.polyfit(self.counts - self.counts[0], self.times_s - self.times_s[0], 1)
        return float(self.times_s[0] + offset + slope * (count - self.counts[0]))


def delay_s(heard: Heard, given: Heard, rate: int) -> float:
    """How much later than at the first end the same sound passed the second, in seconds.

    The lag in samples is where the two correlate most; the ends' clocks make time of it.
    """
    length = 1 << (len(heard.samples) + len(given.samples)).bit_length()
    spectrum = np.fft.rfft(given.samples, length) * np.conj(np.fft.rfft(heard.samples, length))
    correlation = np.fft.irfft(spectrum, length)
    # Index k of the correlation: given[i + k] looks like heard[i].
    lags = np.concatenate([np.arange(length // 2), np.arange(-length // 2, 0)])
    middle = len(heard.samples) // 2
    heard_s = heard.time_of(heard.first + middle)
    at_once = (heard_s - given.time_of(given.first + middle)) * rate  # the lag of no delay
    near = (lags >= at_once - EARLIEST_S * rate) & (lags <= at_once + LONGEST_S * rate)
    lag = lags[near][np.argmax(correlation[near])]
    return given.time_of(given.first + middle + lag) - heard_s


class Memory:
    """The last seconds of sound at an end, and when they passed; written by the device's thread.

    Attributes:
        thread: that thread.
        first_sound_s: when something else than silence passed first.
    """

    def __init__(self, rate: int) -> None:
        self._samples = np.zeros(round(WINDOW_S * rate), np.float32)
        self._count = 0
        self._marks: deque[tuple[int, float]] = deque(maxlen=400)
        self.thread = 0
        self.first_sound_s: float | None = None

    def mark(self) -> None:
        """The end has come to its count now."""
        self._marks.append((self._count, time.perf_counter()))

    def add(self, block: Float32) -> None:
        """These samples pass."""
        if not self.thread:
            self.thread = threading.get_native_id()
        if self.first_sound_s is None and block.any():
            self.first_sound_s = time.perf_counter()
        start = self._count % len(self._samples)
        first = min(len(block), len(self._samples) - start)
        self._samples[start : start + first] = block[:first]
        self._samples[: len(block) - first] = block[first:]
        self._count += len(block)

    def recall(self) -> Heard:
        """A copy of it all; a block that passes meanwhile may be in it or not."""
        count = self._count
        counts, times_s = np.array(list(self._marks), np.float64).T
        samples = np.roll(self._samples, -(count % len(self._samples)))
        return Heard(samples, count - len(samples), counts, times_s)


class ProbedSource(PortAudioSource):
    """A microphone that remembers."""

    memory: Memory

    def start(self, deliver: Deliver) -> None:
        self.memory = memory = Memory(self.info.rate)

        def delivered(block: Float32, time_s: float) -> None:
            memory.add(block)
            memory.mark()
            deliver(block, time_s)

        super().start(delivered)


class ProbedSink(PortAudioSink):
    """Headphones that remember."""

    memory: Memory

    def start(self, render: Render) -> None:
        self.memory = memory = Memory(self.info.rate)

        def rendered(block: Float32, time_s: float) -> None:
            memory.mark()
            render(block, time_s)
            memory.add(block)

        super().start(rendered)


def thread_seconds() -> dict[int, float]:
    """Processor time that each thread of this process has taken so far, in seconds, by native id (Linux)."""
    ticks = os.sysconf("SC_CLK_TCK")
    taken = {}
    for task in Path("/proc/self/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        taken[int(task.name)] = (int(fields[11]) + int(fields[12])) / ticks
    return taken


def process_seconds(pid: int) -> float:
    """Processor time that all threads of a process have taken so far, in seconds (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Memory of a process that is in use, in MB (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True)
class Stall:
    """A process was woken late: from when to when, by ``perf_counter``.

    Attributes:
        begun_s, ended_s: when it fell asleep, and when it woke at last.
        urgent: whether it comes before all others, so that the core itself did nothing for a while; else
            others were busy.
    """

    begun_s: float
    ended_s: float
    urgent: bool

    def explains(self, noticed_s: float) -> bool:
        """Whether sound that was missed at this time can have been missed for this stall's sake."""
        return self.begun_s <= noticed_s <= self.ended_s + AFTERMATH_S


_SLEEPER = """
import os, sys, threading, time
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
if {urgent}:
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(50))
    except PermissionError:
        pass
os.sched_setaffinity(0, [{core}])
ended = threading.Event()
last_s = time.perf_counter()
while not ended.is_set():
    time.sleep(0.002)
    now_s = time.perf_counter()
    if now_s - last_s - 0.002 > {stall_s}:
        os.write(1, f"{{last_s}} {{now_s}} {urgent}\\n".encode())
    last_s = now_s
"""


@contextmanager
def stalls_noted(stalls: list[Stall]) -> Iterator[None]:
    """Fill a list, at the end, with the stalls of the computer meanwhile.

    They are those that processes of their own meet which only sleep, two on each core: one, where that is
    allowed, before everything else there, and one of the niceness of this process, as the sound server's and
    PortAudio's threads that are not real-time.
    """
    with ExitStack() as running, TemporaryFile("w+") as notes:
        sleepers = [
            running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", _SLEEPER.format(stall_s=STALL_S, core=core, urgent=urgent)],
                    stdin=subprocess.PIPE,
                    stdout=notes,
                )
            )
            for core in os.sched_getaffinity(0)
            for urgent in (True, False)
        ]
        yield
        for sleeper in sleepers:
            sleeper.communicate()
        notes.seek(0)
        for line in notes.read().splitlines():
            begun_s, ended_s, urgent = line.split()
            stalls.append(Stall(float(begun_s), float(ended_s), urgent == "True"))


@contextmanager
def increases_noted(count: Callable[[], int], times_s: list[float]) -> Iterator[None]:
    """Fill a list with the times at which a count was found to have grown, once for each one more."""
    ended = threading.Event()

    def look() -> None:
        seen = count()
        while not ended.wait(LOOK_S):
            now = count()
            times_s.extend([time.perf_counter()] * (now - seen))
            seen = now

    thread = threading.Thread(target=look, name="watch of the underruns")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()

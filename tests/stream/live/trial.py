"""A live session of any length on real streams, judged by its numbers: what no test can take the time for.

By hand, on Linux with PulseAudio and the ``test`` extra::

    python tests/stream/live/trial.py --minutes 10

A private sound server plays a noisy clip over and over, a network camera on the loopback shows its speaker,
and a `LiveSession` hears, sees and answers as in a call: PortAudio, OpenCV, MediaPipe and model are real.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from lipstream.core.arrays import Float32
from lipstream.stream.devices.portaudio import StreamSettings
from lipstream.stream.dsp.resample import Resampler
from lipstream.stream.live.camera_watch import Encode, MakeCamera
from lipstream.stream.live.config import LiveConfig, LiveLatency
from lipstream.stream.live.session import LiveSession
from lipstream.stream.live.stats import LiveStats
from lipstream.stream.live.threads import responsive
from lipstream.stream.recording.recording import CLEAN, replay
from lipstream.stream.ui.words import status_line
from lipstream.stream.video.camera.process import CameraProcess
from lipstream.stream.video.camera.status import LipsMailbox
from lipstream.tests.stream.live.probes import (
    STALL_S,
    ProbedSink,
    ProbedSource,
    Stall,
    delay_s,
    increases_noted,
    process_seconds,
    resident_mb,
    stalls_noted,
    thread_seconds,
)
from lipstream.tests.stream.sound_servers import PrivatePipeWire, PrivatePulse, PrivateServer

SERVERS = {"pulseaudio": PrivatePulse, "pipewire": PrivatePipeWire}
TESTS = Path(__file__).resolve().parents[2]
DEMO = TESTS.parent / "demo"
RATE = 48_000
#: Seconds after which sound that is missing counts, and after which memory should grow no more.
SETTLED_S, WARM_S = 1.0, 60.0
#: Seconds between two looks.
LOOK_S = 10.0


@dataclass(frozen=True)
class Xruns:
    """Sound lost so far: by the program, and by the sound server as PortAudio tells."""

    overflows: int
    underruns: int
    host: int

    @classmethod
    def of(cls, stats: LiveStats, source: ProbedSource, sink: ProbedSink) -> "Xruns":
        pipeline = stats.pipeline
        return cls(pipeline.input_overflows, pipeline.output_underruns, source.xruns + sink.xruns)


@dataclass(frozen=True)
class Look:
    """One look at the session: its statistics, the delay measured, and the memory of its processes."""

    stats: LiveStats
    delay_ms: float
    memory_mb: tuple[float, ...]


def main() -> None:
    """Run a trial and print what it showed."""
    parser = argparse.ArgumentParser(description="Try a live session on a private sound server and camera.")
    parser.add_argument("--minutes", type=float, default=10.0, help="length (%(default)g)")
    parser.add_argument("--sound", type=Path, default=DEMO / "example.flac", help="noisy clip")
    parser.add_argument("--clip", type=Path, default=DEMO / "example.mp4", help="video of its speaker")
    parser.add_argument("--no-video", action="store_true", help="audio-only")
    parser.add_argument("--low-latency", action="store_true", help="as lipstream live")
    parser.add_argument("--server", choices=SERVERS, default="pulseaudio", help="(%(default)s)")
    args = parser.parse_args()
    seconds = 60 * args.minutes
    with (
        tempfile.TemporaryDirectory(prefix="trial-") as folder,
        _sound_server(SERVERS[args.server](Path(folder))) as server,
        _camera(None if args.no_video else args.clip) as camera,
    ):
        server.play(_repeated(args.sound, seconds + 10))
        config = LiveConfig(camera=camera, low_latency=args.low_latency, record=Path(folder) / "take")
        _try(config, seconds)
        _compare(Path(folder) / "take")


def _try(config: LiveConfig, seconds: float) -> None:
    """Run the session and print what it showed."""
    source = ProbedSource(StreamSettings("noisy.monitor"))
    sink = ProbedSink(StreamSettings("clean"))
    cameras: list[CameraProcess] = []
    looks: list[Look] = []
    start_s = time.perf_counter()
    session = LiveSession(
        config,
        source=source,
        sink=sink,
        camera=_keeping(cameras, config),
        on_message=lambda line: print(f"{time.perf_counter() - start_s:.2f} s: {line}", flush=True),
    )
    stalls: list[Stall] = []
    missed_s: list[float] = []
    underruns = increases_noted(lambda: session.stats().pipeline.output_underruns, missed_s)
    with session, responsive(), stalls_noted(stalls), underruns:  # responsive as lipstream live is
        declared = session.latency
        session.wait(SETTLED_S)
        settled = Xruns.of(session.stats(), source, sink)
        begun_s, before = time.perf_counter(), _taken(_pids(cameras))
        while not session.wait(min(LOOK_S, seconds / 4)) and time.perf_counter() < begun_s + seconds:
            delay_ms = 1000 * delay_s(source.memory.recall(), sink.memory.recall(), RATE)
            memory_mb = tuple(resident_mb(pid) for pid in (os.getpid(), *_pids(cameras)))
            looks.append(Look(session.stats(), delay_ms, memory_mb))
            print(status_line(looks[-1].stats), _memory_words(looks[-1].memory_mb), sep=" | ", flush=True)
        after, elapsed_s = _taken(_pids(cameras)), time.perf_counter() - begun_s
        names = {thread.native_id or 0: thread.name for thread in threading.enumerate()}
        names |= dict.fromkeys(_pids(cameras), "process of the camera")
    names |= {source.memory.thread: "input callback", sink.memory.thread: "output callback"}
    if sink.memory.first_sound_s is not None:
        print(f"first sound given after {sink.memory.first_sound_s - start_s:.2f} s")
    _print_xruns(settled, Xruns.of(looks[-1].stats, source, sink))
    _print_stalls(stalls, [time_s for time_s in missed_s if time_s > begun_s])
    _print_delay(declared, looks)
    _print_load(names, {key: after[key] - before.get(key, 0.0) for key in after}, elapsed_s)
    warm = [look.memory_mb for look in looks if look.stats.running_s > min(WARM_S, seconds / 2)]
    print(f"{_memory_words(warm[0])} when warm, {_memory_words(warm[-1])} at the end")


def _keeping(cameras: list[CameraProcess], config: LiveConfig) -> MakeCamera | None:
    """Makes the camera that a session makes by itself, and keeps it to be asked for its process."""
    camera = config.camera
    if camera is None:
        return None

    def make(encode: Encode | None, mailbox: LipsMailbox) -> CameraProcess:
        cameras.append(CameraProcess(camera, encode and config.model, mailbox))
        return cameras[-1]

    return make


def _pids(cameras: list[CameraProcess]) -> list[int]:
    return [camera.pid for camera in cameras if camera.pid is not None]


def _taken(pids: list[int]) -> dict[int, float]:
    """Processor time taken so far, by thread of this process and by other process."""
    return thread_seconds() | {pid: process_seconds(pid) for pid in pids}


def _memory_words(memory_mb: tuple[float, ...]) -> str:
    return "memory " + " + ".join(f"{each:.0f}" for each in memory_mb) + " MB"


def _print_xruns(settled: Xruns, ended: Xruns) -> None:
    print(
        f"lost after the first second: {ended.overflows - settled.overflows} overflows, "
        f"{ended.underruns - settled.underruns} underruns; told by the host: {ended.host - settled.host}"
    )


def _print_stalls(stalls: list[Stall], missed_s: list[float]) -> None:
    """How late others were woken meanwhile, and which underruns that explains: the rest may be our own."""
    of_core = [stall for stall in stalls if stall.urgent]
    of_load = [stall for stall in stalls if not stall.urgent]
    limit_ms = 1000 * STALL_S
    for words, found in (
        (
            "stalls of the computer, as met on each core by a process that only sleeps and comes first",
            of_core,
        ),
        ("the same for a process that only sleeps, at our niceness", of_load),
    ):
        longest_s = max((stall.ended_s - stall.begun_s for stall in found), default=0.0)
        print(f"{words}: {len(found)} of more than {limit_ms:.0f} ms, the longest {1000 * longest_s:.0f} ms")
    unstalled = [time_s for time_s in missed_s if not any(stall.explains(time_s) for stall in of_core)]
    own = [time_s for time_s in unstalled if not any(stall.explains(time_s) for stall in of_load)]
    print(
        f"underruns at a stall: {len(missed_s) - len(unstalled)}; while others were busy: "
        f"{len(unstalled) - len(own)}; with neither near them: {len(own)}"
    )


def _print_delay(declared: LiveLatency, looks: list[Look]) -> None:
    """The delay against what was declared at first, and what was told at each look: gaps make it grow."""
    looks = [look for look in looks if look.stats.pipeline.latency.known]
    measured_ms = [look.delay_ms for look in looks]
    told_ms = [_to_callback_ms(look.stats.pipeline.latency) for look in looks]
    apart_ms = np.subtract(measured_ms, told_ms)
    print(
        f"delay from input to output callback: measured {np.median(measured_ms):.1f} ms "
        f"({min(measured_ms):.1f} to {max(measured_ms):.1f}), declared {_to_callback_ms(declared):.1f} ms, "
        f"of which {declared.added_ms:.1f} ms added and {declared.input_wait_ms:.1f} ms for a block to fill"
    )
    print(
        f"delay beyond what the session told at the time: {np.median(apart_ms):.1f} ms "
        f"({apart_ms.min():.1f} to {apart_ms.max():.1f})"
    )


def _to_callback_ms(latency: LiveLatency) -> float:
    return latency.added_ms + latency.input_wait_ms


def _print_load(names: dict[int, str], taken_s: dict[int, float], elapsed_s: float) -> None:
    """Shares of one core: by process and thread, those together that are none of Python's or PortAudio's."""
    shares: dict[str, float] = {}
    for key, seconds in taken_s.items():
        name = names.get(key, "native threads, such as the sound server's")
        shares[name] = shares.get(name, 0.0) + seconds / elapsed_s
    for name, share in sorted(shares.items(), key=lambda item: -item[1]):
        print(f"load: {share:6.1%} of one core: {name}")
    print(f"load: {sum(shares.values()):6.1%} in all")


def _compare(take: Path) -> None:
    """Hold the recorded output against the offline enhancement of the recorded input."""
    clean, rate = soundfile.read(take / CLEAN, dtype="float32")
    offline = replay(take)
    pairs = zip(_pieces(clean, rate), _pieces(offline, rate), strict=True)
    correlations = [np.corrcoef(live, again)[0, 1] for live, again in pairs if live.std() > 1e-4]
    print(
        f"recorded {len(clean) / rate:.0f} s against offline: {np.count_nonzero(clean != offline)} samples "
        f"differ, least correlation of a second {min(correlations):.6f}"
    )


def _pieces(samples: Float32, length: int) -> Float32:
    return samples[: len(samples) // length * length].reshape(-1, length)


def _repeated(path: Path, seconds: float) -> Float32:
    """A clip at 48 kHz, over and over."""
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    resampler = Resampler(rate, RATE)
    resampler.push(sound[:, 0])
    clip = resampler.pull(resampler.ready)
    return np.resize(clip, round(seconds * RATE))


@contextmanager
def _sound_server(server: PrivateServer) -> Iterator[PrivateServer]:
    """A private server that PortAudio in this process uses."""
    server.start()
    # Not its home, which holds the compiled step.
    os.environ |= {name: value for name, value in server.environment.items() if name != "HOME"}
    try:
        yield server
    finally:
        server.close()


@contextmanager
def _camera(clip: Path | None) -> Iterator[str | None]:
    """The address of a camera that shows a clip, in a process of its own; None without a clip."""
    if clip is None:
        yield None
        return
    program = TESTS / "stream" / "video" / "camera" / "mjpeg_server.py"
    command = [sys.executable, str(program), str(clip), "--port", "0"]  # two trials may run at once
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            assert url, "the network camera does not start"
            yield url
        finally:
            server.terminate()


if __name__ == "__main__":
    main()

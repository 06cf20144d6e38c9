"""How many streams a core serves: more and more callers talk, until their sound comes back too late."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...stream.serve.config import ServeConfig
from ..machine import Machine, fingerprint
from ..output import format_table
from ..speed.measurements import Measurement
from .caller import Heard, call, made_sound
from .faults import Fault, measure_faults
from .server import RunningServer, running

#: The share of a core that streams may take: the rest is for joins, and for the work of others.
UTILISATION = 0.7
#: Time between two hops: what the 99th percentile is to stay under.
HOP_MS = 12.5


@dataclass(frozen=True)
class LoadTimes:
    """So many callers at once, on one worker.

    Attributes:
        streams: how many.
        p50_ms, p99_ms: from the sending of a chunk until as many samples had come back to the client.
        server_p99_ms: upper bound, by the server's own histogram, of the time from a chunk's arrival until
            it was enhanced.
        cpu_percent: processor time of the worker in the time that the callers talked.
        step_percent: of that, what the pool's steps took; the rest is the service around them.
        chunks_a_step: how many streams' chunks were enhanced in a step, in the mean.
        errors: callers that were ended with an error, or whose samples are not as many as they sent.
        steps, chunks: how many.
        cpu_s: processor time of the worker.
    """

    streams: int
    p50_ms: float
    p99_ms: float
    server_p99_ms: float
    cpu_percent: float
    step_percent: float
    chunks_a_step: float
    errors: int
    steps: int
    chunks: int
    cpu_s: float

    @property
    def streams_a_core(self) -> float:
        """That many streams take `UTILISATION` of a core, by the processor time of these."""
        return self.streams * UTILISATION / (self.cpu_percent / 100)


@dataclass(frozen=True)
class LoadReport:
    """Of a server on this machine.

    Attributes:
        machine: what it ran on, with its load.
        model, runtime: of the server.
        chunk_ms, seconds: of a message, and of each run.
        times: for each number of callers.
        step_us, chunk_us: of a wake-up of the worker, and of each chunk in it: fitted to the processor times.
        faults: what was done to it, and what came of it.
    """

    machine: Machine
    model: str
    runtime: str
    chunk_ms: float
    seconds: float
    times: Sequence[LoadTimes]
    step_us: float
    chunk_us: float
    faults: Sequence[Fault]

    def text(self) -> str:
        """The machine, a table of loads, and one of faults."""
        headers = [
            "streams",
            "p50\nms",
            "p99\nms",
            "server\np99 ms",
            "CPU\n%",
            "of it\nsteps %",
            "streams a\nCPU core",
            "errors",
        ]
        rows = [
            [
                str(entry.streams),
                f"{entry.p50_ms:.1f}",
                f"{entry.p99_ms:.1f}",
                f"<{entry.server_p99_ms:g}",
                f"{entry.cpu_percent:.0f}",
                f"{entry.step_percent:.0f}",
                f"{entry.streams_a_core:.0f}",
                str(entry.errors),
            ]
            for entry in self.times
        ]
        what = (
            f"{self.model} on {self.runtime}, a worker, {self.chunk_ms:g} ms a message, {self.seconds:g} s; "
            f"streams a core: what takes {UTILISATION:.0%} of its processor time"
        )
        most = [entry.streams for entry in self.times if entry.p99_ms < HOP_MS and not entry.errors]
        held = f"p99 stayed under a hop ({HOP_MS:g} ms) with {max(most, default=0)} streams"
        fit = f"fitted: {self.step_us:.0f} us for a step and {self.chunk_us:.0f} us for each chunk in it"
        faults = [
            f"{fault.name}: {'held' if fault.held else 'FAILED'}; {fault.what}" for fault in self.faults
        ]
        table = format_table(headers, rows)
        return "\n\n".join(
            [self.machine.describe(), f"{what}\n\n{table}\n\n{held}; {fit}", "\n".join(faults)]
        )

    def measurements(self) -> Iterator[Measurement]:
        """Processor time of a step and of a chunk."""
        for name, value in (("step", self.step_us), ("chunk", self.chunk_us)):
            yield Measurement(f"serve.{self.model}.{self.runtime}.{name}", value, "us", 20.0)


def measure_load(
    model: str,
    runtime: str,
    counts: Sequence[int],
    seconds: float,
    chunk_ms: float,
    faults: bool,
    tell: Callable[[str], None],
) -> LoadReport:
    """Start a server, let callers talk to it, and do bad things to it.

    Args:
        model, runtime: of the server.
        counts: numbers of callers.
        seconds: how long each of them talks.
        chunk_ms: length of their messages.
        faults: whether to do the bad things.
        tell: watches it go on.

    Raises:
        InputError: the server does not start.
    """
    machine = fingerprint()
    config = ServeConfig(model, runtime, port=0, streams=max(counts), drain_s=0.0)
    tell("a server starts")
    with running(config) as server:
        asyncio.run(_callers(server, 1, 0.5, chunk_ms))  # what is loaded at first use is loaded
        times = []
        for count in counts:
            tell(f"{count} callers talk for {seconds:g} s")
            times.append(_load(server, count, seconds, chunk_ms))
    step_us, chunk_us = fit_times(times)
    seen = measure_faults(model, runtime, chunk_ms, tell) if faults else []
    return LoadReport(machine, model, runtime, chunk_ms, seconds, times, step_us, chunk_us, seen)


def fit_times(times: Sequence[LoadTimes]) -> tuple[float, float]:
    """Microseconds of processor time that a step costs, and each chunk in it; neither below 0."""
    counts = np.array([[entry.steps, entry.chunks] for entry in times], np.float64)
    cpu_us = 1e6 * np.array([entry.cpu_s for entry in times])
    weights = 1 / np.maximum(cpu_us, 1.0)  # each run counts alike
    both = np.linalg.lstsq(counts * weights[:, None], cpu_us * weights, rcond=None)[0]
    if len(times) > 1 and (both >= 0).all():
        return float(both[0]), float(both[1])
    return 0.0, float(np.mean(cpu_us / counts[:, 1]))


def _load(server: RunningServer, count: int, seconds: float, chunk_ms: float) -> LoadTimes:
    before = server.numbers()
    heard = asyncio.run(_callers(server, count, seconds, chunk_ms))
    after = server.numbers()
    gained = {name: after[name] - before.get(name, 0.0) for name in after}
    latencies_ms = 1e3 * np.array([late for each in heard for late in each.latencies_s] or [np.inf])
    cpu_s = gained["lipstream_cpu_seconds_total"]
    chunks = gained["lipstream_latency_seconds_count"]
    return LoadTimes(
        streams=count,
        p50_ms=float(np.percentile(latencies_ms, 50)),
        p99_ms=float(np.percentile(latencies_ms, 99)),
        server_p99_ms=1e3 * _percentile_bound(gained, 0.99),
        cpu_percent=100 * cpu_s / seconds,
        step_percent=100 * gained["lipstream_busy_seconds_total"] / max(cpu_s, 1e-9),
        chunks_a_step=chunks / max(gained["lipstream_steps_total"], 1.0),
        errors=sum(bool(each.error) or each.received < each.sent for each in heard),
        steps=int(gained["lipstream_steps_total"]),
        chunks=int(chunks),
        cpu_s=cpu_s,
    )


def _percentile_bound(gained: dict[str, float], share: float) -> float:
    """The upper bound in seconds of the class that holds a percentile; infinite above the last."""
    start = 'lipstream_latency_seconds_bucket{worker="0",le="'
    counts = {
        name.removeprefix(start)[:-2]: value for name, value in gained.items() if name.startswith(start)
    }
    total = counts["+Inf"]
    return next((float(bound) for bound, count in counts.items() if count >= share * total), np.inf)


async def _callers(server: RunningServer, count: int, seconds: float, chunk_ms: float) -> list[Heard]:
    sound = made_sound(0)
    calls = [
        call(server.address, seconds, chunk_ms, sound, delay_s=chunk_ms / 1000 * number / count)
        for number in range(count)
    ]
    return list(await asyncio.gather(*calls))

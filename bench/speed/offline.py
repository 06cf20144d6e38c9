"""The bidirectional offline form against the stream: its time, and who gives its output earlier."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from ...stream.runtimes import Runtime, load_runtime
from ..machine import Machine, fingerprint
from ..output import format_table
from .candidates import set_torch_threads
from .measurements import Clock, Measurement, StepTimes, measure_hops
from .whole import whole_form

#: A single run may differ by so much from the next.
ONE_RUN_NOISE_PERCENT = 10.0


@dataclass(frozen=True)
class OfflineTimes:
    """The offline form on one recording; the fastest of several runs.

    Attributes:
        model: name of the preset.
        seconds: length of the recording: no sample can come out before all of it is in.
        elapsed_s: time to enhance it.
        rtf: real-time factor, ``elapsed_s / seconds``.
        noise_percent: how far the runs differ, in percent of the fastest; of a single run a guess.
    """

    model: str
    seconds: float
    elapsed_s: float
    rtf: float
    noise_percent: float


def measure_offline(
    model: str, seconds: float = 4.0, runs: int = 3, clock: Clock = time.perf_counter
) -> OfflineTimes:
    """Time the offline form on so many seconds of audio with video, in torch.

    The weights are untrained: they do not change the time.

    Raises:
        InputError: there is no such model.
    """
    form = whole_form(model, seconds)
    times = []
    with torch.inference_mode():
        for _ in range(runs):
            run_started = clock()
            form.run()
            times.append(clock() - run_started)
    fastest = min(times)
    return OfflineTimes(
        model=model,
        seconds=form.seconds,
        elapsed_s=fastest,
        rtf=fastest / form.seconds,
        noise_percent=100 * (max(times) / fastest - 1) if runs > 1 else ONE_RUN_NOISE_PERCENT,
    )


#: Recordings up to this length are run three times, longer ones once.
REPEATED_S = 4.0


@dataclass(frozen=True)
class StreamCost:
    """A stream on one runtime.

    Attributes:
        runtime: its name.
        window_s: algorithmic latency: a sample comes out when the window that ends a window later is in.
        hop_s: time between two hops.
        hop: times of a hop.
    """

    runtime: str
    window_s: float
    hop_s: float
    hop: StepTimes

    @property
    def lag_s(self) -> float:
        """Seconds from the last sample that an output sample waits for, and its window, to its sound."""
        return self.window_s + 1e-3 * self.hop.p50_ms

    def compute_s(self, seconds: float) -> float:
        """Seconds of computing for a recording of so many seconds."""
        return 1e-3 * self.hop.mean_ms * seconds / self.hop_s


@dataclass(frozen=True)
class Crossover:
    """From which length on the stream is ahead of the offline form, in seconds.

    ``at_s`` is the length where both are equal, read off between two measured lengths; None where the stream
    is ahead at every measured length (``always``) or at none of them.
    """

    at_s: float | None
    always: bool

    def text(self, lengths: Sequence[float]) -> str:
        """One phrase."""
        if self.at_s is not None:
            return f"from {self.at_s:.3g} s on"
        return (
            f"at every length measured, from {min(lengths):g} s"
            if self.always
            else f"not up to {max(lengths):g} s"
        )


@dataclass(frozen=True)
class CrossoverReport:
    """Recordings of several lengths through the offline form of a preset, and its stream on some runtimes.

    A live recording of L seconds has its offline output, all at once, after L and the time to compute it.
    The stream's first output comes after its window and the time of a hop, its last so long after the last
    sample.

    Attributes:
        machine: what it ran on.
        model: name of the preset.
        threads: threads of torch.
        offline: each length, the shortest first.
        streams: each runtime.
        crossovers: by runtime, in what the stream is ahead from which length on.
    """

    machine: Machine
    model: str
    threads: int
    offline: Sequence[OfflineTimes]
    streams: Sequence[StreamCost]
    crossovers: Mapping[str, Mapping[str, Crossover]]

    def text(self) -> str:
        """The machine, a table, and where the stream overtakes."""
        headers = ["live, seconds of sound", "", *(f"{times.seconds:g} s" for times in self.offline)]
        rows = [
            [
                "offline: first and last output",
                "s",
                *(f"{t.seconds + t.elapsed_s:.2f}" for t in self.offline),
            ],
            ["offline: after the last sample", "s", *(f"{t.elapsed_s:.3f}" for t in self.offline)],
        ]
        for stream in self.streams:
            lag, name = f"{stream.lag_s:.4f}", f"stream on {stream.runtime}"
            last = [f"{t.seconds + stream.lag_s:.2f}" for t in self.offline]
            compute = [f"{stream.compute_s(t.seconds):.3f}" for t in self.offline]
            ratio = [f"{t.elapsed_s / stream.compute_s(t.seconds):.2f}" for t in self.offline]
            rows.append([f"{name}: first output", "s", *[lag] * len(self.offline)])
            rows.append([f"{name}: last output", "s", *last])
            rows.append([f"{name}: all computing", "s", *compute])
            rows.append([f"{name}: offline computes", "times", *ratio])
        return (
            f"{self.machine.describe()}\n\n{self.model}\n{format_table(headers, rows)}\n\n{self._verdicts()}"
        )

    def measurements(self) -> Iterator[Measurement]:
        """The computing time of each length; the streams' hops are in the latency report."""
        for times in self.offline:
            name = f"offline.{self.model}.{times.seconds:g}s.compute"
            yield Measurement(name, times.elapsed_s, "s", times.noise_percent)

    def _verdicts(self) -> str:
        lengths = [times.seconds for times in self.offline]
        return "\n".join(
            f"the stream on {runtime} is ahead in {what}: {crossover.text(lengths)}"
            for runtime, crossovers in self.crossovers.items()
            for what, crossover in crossovers.items()
        )


def measure_crossover(
    model: str, runtimes: Sequence[str], lengths: Sequence[float], hops: int, threads: int = 1
) -> CrossoverReport:
    """Time the offline form on recordings of several lengths, and a hop of the stream on each runtime.

    Args:
        model: name of a preset whose weights ship.
        runtimes: names of runtimes for the stream.
        lengths: seconds of the recordings.
        hops: hops to time on each runtime, after the warm-up.
        threads: threads of torch, for the whole process.

    Raises:
        InputError: unknown model or runtime, or weights that do not ship.
    """
    set_torch_threads(threads)
    machine = fingerprint()
    streams = [_stream_cost(load_runtime(model, name), name, hops) for name in runtimes]
    offline = [measure_offline(model, length, 3 if length <= REPEATED_S else 1) for length in sorted(lengths)]
    crossovers = {stream.runtime: find_crossovers(offline, stream) for stream in streams}
    return CrossoverReport(machine, model, threads, offline, streams, crossovers)


def find_crossovers(offline: Sequence[OfflineTimes], stream: StreamCost) -> dict[str, Crossover]:
    """Where a stream is ahead: in its first output, in its last, in its computing.

    Args:
        offline: each length, the shortest first.
        stream: on one runtime.
    """
    leads_s = {
        "first output": [times.seconds + times.elapsed_s - stream.lag_s for times in offline],
        "last output": [times.elapsed_s - stream.lag_s for times in offline],
        "computing": [times.elapsed_s - stream.compute_s(times.seconds) for times in offline],
    }
    lengths = [times.seconds for times in offline]
    return {what: _crossing(lengths, leads) for what, leads in leads_s.items()}


def _stream_cost(runtime: Runtime, name: str, hops: int) -> StreamCost:
    spec = runtime.spec
    window_s, hop_s = (count / spec.sample_rate for count in (spec.latency_samples, spec.hop_samples))
    return StreamCost(name, window_s, hop_s, measure_hops(runtime, hops))


def _crossing(lengths: Sequence[float], leads: Sequence[float]) -> Crossover:
    """Where the lead of the stream rises above 0 for good; straight lines between the lengths."""
    behind = [place for place, lead in enumerate(leads) if lead <= 0]
    if not behind or behind[-1] == len(leads) - 1:
        return Crossover(None, always=not behind)
    last = behind[-1]
    share = leads[last] / (leads[last] - leads[last + 1])
    return Crossover(lengths[last] + share * (lengths[last + 1] - lengths[last]), always=False)

"""What a system costs to run: parameters, operations, latency, real-time factor, state and peak memory."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import soundfile

from ...core.extras import needs_extra
from ...core.processes import in_fresh_process
from ...errors import InputError
from ...models.store.registry import hears_whole
from ..machine import ONCE_NOISE_PERCENT, Machine, fingerprint, peak_memory_mib
from ..output import format_count, format_table
from .candidates import has_torch, load_candidate, prepare_graphs, set_torch_threads
from .measurements import Measurement, measure_runtime

if TYPE_CHECKING:
    from .network.complexity import Complexity

#: Name of the offline form among the runtimes.
OFFLINE = "offline"
#: Length of what the offline form enhances at once.
OFFLINE_S = 4.0
#: Rate in Hz of the file that is made to be timed.
SAMPLE_RATE = 16000
UNKNOWN = "-"

#: Columns of `cost_cells`.
COST_HEADERS = (
    "",
    "parameters",
    "MAC/s",
    "visual\nMAC/s",
    "latency\nms",
    "RTF\nhop",
    "RTF\nfile",
    "state",
    "peak memory\nMiB",
    "rate\nkHz",
)


@dataclass(frozen=True)
class Cost:
    """The cost of a system; None where it was not measured or cannot be told.

    Attributes:
        name: of the system.
        latency_ms: algorithmic latency; None where the whole recording must be there.
        rtf: real-time factor. Of a model on a runtime the mean time of a hop over its length, of the offline
            form the time for `OFFLINE_S`, of a peer CPU time over the duration of the audio.
        file_rtf: of a whole file, reading and writing included, loading the model not.
        parameters: numbers in the weights, the visual encoder's included. Needs torch, as do the next two.
        macs_per_second: multiply-accumulates for a second of audio with video present.
        visual_macs_per_second: those of the visual encoder for a second of video.
        state_bytes: what one stream carries.
        peak_memory_mib: most resident memory of a fresh process that did nothing else, interpreter and
            libraries included.
        sample_rate: in Hz, of what it takes and gives.
        model, runtime: their names; empty for what is none of ours.
    """

    name: str
    latency_ms: float | None = None
    rtf: float | None = None
    file_rtf: float | None = None
    parameters: int | None = None
    macs_per_second: float | None = None
    visual_macs_per_second: float | None = None
    state_bytes: int | None = None
    peak_memory_mib: float | None = None
    sample_rate: int | None = None
    model: str = ""
    runtime: str = ""


@dataclass(frozen=True)
class CostReport:
    """Models on runtimes and offline, each measured in a process of its own.

    Attributes:
        machine: what it ran on.
        threads: threads of torch; other runtimes have one.
        costs: each model on each runtime.
    """

    machine: Machine
    threads: int
    costs: Sequence[Cost]

    def text(self) -> str:
        """The machine and a table."""
        return f"{self.machine.describe()}\n\n{cost_table(self.costs)}"

    def measurements(self) -> Iterator[Measurement]:
        """What is counted, and peak memory; the time of a hop is in the latency report."""
        for cost in self.costs:
            name = f"cost.{cost.model}.{cost.runtime}"
            if cost.parameters is not None and cost.macs_per_second is not None:
                yield Measurement(f"{name}.parameters", cost.parameters, "")
                yield Measurement(f"{name}.macs", cost.macs_per_second, "MAC/s")
            if cost.peak_memory_mib is not None:
                yield Measurement(f"{name}.peak_memory", cost.peak_memory_mib, "MiB", ONCE_NOISE_PERCENT)


def measure_cost_report(
    models: Sequence[str],
    runtimes: Sequence[str],
    hops: int,
    threads: int = 1,
    source: Path | None = None,
    seconds: float = 30.0,
) -> CostReport:
    """Measure presets on runtimes, a whole file among it.

    Args:
        models: see `find_model`; and the parents, which are measured as `OFFLINE` alone.
        runtimes: names of runtimes; `OFFLINE` is the bidirectional form in torch.
        hops: how many to time, after the warm-up.
        threads: threads of torch.
        source: an audio file to time, or None for a made one.
        seconds: length of the made one.

    Raises:
        InputError: as `measure_costs`, or a file that cannot be read.
    """
    if source is not None and not source.is_file():
        raise InputError(f"there is no file '{source}' to time")
    machine = fingerprint()
    with tempfile.TemporaryDirectory() as name:
        if source is None:
            source = Path(name) / "example.wav"
            write_example(source, seconds)
        forms = [
            (model, runtime)
            for model in models
            for runtime in runtimes
            if runtime == OFFLINE or not hears_whole(model)
        ]
        if not forms:
            raise InputError(f"'{models[0]}' hears whole recordings: its only runtime is {OFFLINE}")
        return CostReport(machine, threads, measure_costs(forms, hops, threads, source))


def measure_costs(
    forms: Iterable[tuple[str, str]], hops: int = 800, threads: int = 1, source: Path | None = None
) -> list[Cost]:
    """Measure models, one after the other, each in a process of its own.

    Args:
        forms: names of presets with names of runtimes. A preset whose weights do not ship has random ones,
            which cost the same.
        hops: how many to time, after the warm-up.
        threads: threads of torch.
        source: an audio file to time as a whole; None for none.

    Raises:
        InputError: unknown model or runtime, or one that cannot run here.
    """
    costs = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for model, runtime in forms:
            prepare_graphs(model, runtime, folder)
            # A process of its own: the peak of memory never falls again.
            cost = in_fresh_process(_measure, model, runtime, hops, folder, threads, source, threads=threads)
            costs.append(replace(cost, name=f"{model} {runtime}"))
    return costs


def cost_table(costs: Sequence[Cost]) -> str:
    """The costs as text, without the columns that nothing is known of."""
    rows = [cost_cells(cost) for cost in costs]
    kept = [k for k in range(len(COST_HEADERS)) if k == 0 or any(row[k] != UNKNOWN for row in rows)]
    return format_table([COST_HEADERS[k] for k in kept], [[row[k] for k in kept] for row in rows])


def cost_cells(cost: Cost) -> list[str]:
    """A cost as cells of a table, see `COST_HEADERS`."""
    return [
        cost.name,
        *map(_count, (cost.parameters, cost.macs_per_second, cost.visual_macs_per_second)),
        "whole file" if cost.latency_ms is None else f"{cost.latency_ms:.1f}",
        *(UNKNOWN if rtf is None else f"{rtf:.4f}" for rtf in (cost.rtf, cost.file_rtf)),
        UNKNOWN if cost.state_bytes is None else f"{format_count(cost.state_bytes)}B",
        UNKNOWN if cost.peak_memory_mib is None else f"{cost.peak_memory_mib:.0f}",
        UNKNOWN if cost.sample_rate is None else f"{cost.sample_rate / 1000:g}",
    ]


def write_example(path: Path, seconds: float) -> None:
    """Write a file at `SAMPLE_RATE`: noise that comes and goes like speech."""
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    syllables = np.clip(np.sin(2 * np.pi * 2.5 * time_s), 0.02, None)
    soundfile.write(
        path, 0.05 * syllables * np.random.default_rng(0).standard_normal(time_s.size), SAMPLE_RATE
    )


def _count(value: float | None) -> str:
    return UNKNOWN if value is None else format_count(value)


def _measure(model: str, runtime: str, hops: int, folder: Path, threads: int, source: Path | None) -> Cost:
    if runtime == OFFLINE:
        if not has_torch():
            raise needs_extra("the offline form", "torch")
        from .offline import measure_offline

        set_torch_threads(threads)
        times = measure_offline(model, OFFLINE_S)
        cost = Cost(model, rtf=times.rtf, model=model, runtime=runtime)
    else:
        if runtime not in ("onnx", "native"):  # which must not be charged with torch
            set_torch_threads(threads)
        stream = measure_runtime(partial(load_candidate, model, runtime, folder), runtime, hops)
        cost = Cost(
            model,
            stream.latency_ms,
            stream.hop.rtf,
            state_bytes=stream.state_bytes,
            model=model,
            runtime=runtime,
        )
    cost = replace(cost, peak_memory_mib=peak_memory_mib())
    if source is not None and runtime != OFFLINE:
        cost = replace(cost, file_rtf=_file_rtf(source, folder, model, runtime))
    size = _size(model, runtime)  # after the peak is read: counting loads torch
    if size is None:
        return cost
    return replace(
        cost,
        parameters=size.parameters,
        macs_per_second=size.macs_per_second,
        visual_macs_per_second=size.visual_macs_per_second,
    )


def _file_rtf(source: Path, folder: Path, model: str, runtime: str) -> float | None:
    """None for a model without weights, or for onnx without graphs: random ones enhance no files."""
    from ...models.store.registry import has_graphs, has_weights
    from ...stream.files import enhance_file

    if not (has_graphs if runtime == "onnx" else has_weights)(model):
        return None
    return enhance_file(
        source, folder / f"{quote(model, safe='')}.{runtime}.wav", model=model, runtime=runtime
    ).rtf


def _size(model: str, runtime: str) -> "Complexity | None":
    if not has_torch():
        return None
    from .network.complexity import offline_complexity, streaming_complexity

    return offline_complexity(model, seconds=1) if runtime == OFFLINE else streaming_complexity(model)

"""What a model costs on each runtime and offline: parameters, operations, time and peak memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ...core.processes import in_fresh_process
from ...stream.runtimes import load_runtime
from ..output import format_count, format_table
from .machine import peak_memory_mib
from .measurements import measure_runtime

if TYPE_CHECKING:
    from .complexity import Complexity

#: Name of the offline form among the runtimes.
OFFLINE = "offline"
#: Length of what the offline form enhances at once.
OFFLINE_S = 4.0
UNKNOWN = "-"

#: Columns of `variant_cells`.
VARIANT_HEADERS = (
    "",
    "parameters",
    "MAC/s",
    "visual\nMAC/s",
    "latency\nms",
    "RTF",
    "state",
    "peak memory\nMiB",
)


@dataclass(frozen=True)
class Variant:
    """The cost of a model in one form; None where it cannot be told.

    Attributes:
        model: name of the preset.
        runtime: name of the runtime, or ``offline``.
        parameters: numbers in the weights, the visual encoder's included. Needs torch, as do the next two.
        macs_per_second: multiply-accumulates for a second of sound with video present.
        visual_macs_per_second: those of the visual encoder for a second of video.
        latency_ms: algorithmic latency.
        rtf: real-time factor: mean time of a hop over its length, one thread.
        state_bytes: what one stream carries.
        peak_memory_mib: most resident memory of a fresh process that did nothing else, interpreter and
            libraries included.
    """

    model: str
    runtime: str
    parameters: int | None
    macs_per_second: float | None
    visual_macs_per_second: float | None
    latency_ms: float
    rtf: float
    state_bytes: int | None
    peak_memory_mib: float | None


def measure_variants(forms: Iterable[tuple[str, str]], hops: int = 800) -> list[Variant]:
    """Measure models, one after the other, each in a process of its own.

    Args:
        forms: names of presets with names of runtimes; ``offline`` is the bidirectional form in torch.
        hops: how many to time, after the warm-up.

    Raises:
        InputError: unknown model or runtime, or weights that do not ship.
    """
    # A process of its own: the peak of memory never falls again.
    return [in_fresh_process(_measure, model, runtime, hops) for model, runtime in forms]


def variants_table(rows: Sequence[Variant]) -> str:
    """The variants as text."""
    return format_table(VARIANT_HEADERS, [variant_cells(row) for row in rows])


def variant_cells(row: Variant) -> list[str]:
    """A variant as cells of a table."""
    return [
        f"{row.model} {row.runtime}",
        *(
            UNKNOWN if count is None else format_count(count)
            for count in (row.parameters, row.macs_per_second, row.visual_macs_per_second)
        ),
        f"{row.latency_ms:.1f}",
        f"{row.rtf:.4f}",
        UNKNOWN if row.state_bytes is None else f"{format_count(row.state_bytes)}B",
        UNKNOWN if row.peak_memory_mib is None else f"{row.peak_memory_mib:.0f}",
    ]


def _measure(model: str, runtime: str, hops: int) -> Variant:
    if find_spec("torch") is not None and runtime != "onnx":
        import torch

        torch.set_num_threads(1)
    if runtime == OFFLINE:
        from .offline import measure_offline

        times = measure_offline(model, OFFLINE_S)
        latency_ms, rtf, carried = 1e3 * times.seconds, times.rtf, None
    else:
        stream = measure_runtime(partial(load_runtime, model, runtime), runtime, hops)
        latency_ms, rtf, carried = stream.latency_ms, stream.hop.rtf, stream.state_bytes
    peak_mib = peak_memory_mib()
    size = _size(model, runtime)  # after the peak is read: counting loads torch
    return Variant(
        model=model,
        runtime=runtime,
        parameters=size.parameters if size else None,
        macs_per_second=size.macs_per_second if size else None,
        visual_macs_per_second=size.visual_macs_per_second if size else None,
        latency_ms=latency_ms,
        rtf=rtf,
        state_bytes=carried,
        peak_memory_mib=peak_mib,
    )


def _size(model: str, runtime: str) -> "Complexity | None":
    if find_spec("torch") is None:
        return None
    from .complexity import offline_complexity, streaming_complexity

    return offline_complexity(model, seconds=1) if runtime == OFFLINE else streaming_complexity(model)

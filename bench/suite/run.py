"""All measurements of speed one after the other, as one report that another day's can be compared with."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

from ...errors import InputError
from ...kernels.build import BuildError
from ..commands.arguments import Report
from ..machine import Machine, fingerprint
from ..speed.candidates import available_runtimes, has_torch
from ..speed.cost import OFFLINE, CostReport, measure_costs
from ..speed.measurements import Measurement

#: Told the title of each measurement before it starts, its number from 1 and how many there are.
Tell = Callable[[str, int, int], None]

#: The preset that everything is measured on.
MODEL = "lite"
#: Sizes of the native step: one that is not lite's own is compiled the first time, for seconds.
NATIVE_SIZES: Mapping[str, Sequence[int]] = {"bands": (25, 100), "channels": (32, 64), "blocks": (2, 4)}


@dataclass(frozen=True)
class Part:
    """One measurement of the suite.

    Attributes:
        title: of its section.
        report: what was measured; None where it could not be.
        missing: why there is no report.
        took_s: seconds that it took.
    """

    title: str
    report: Report | None
    missing: str
    took_s: float


@dataclass(frozen=True)
class SuiteReport:
    """Everything that was measured.

    Attributes:
        machine: what it ran on.
        quick: whether the short form was run.
        parts: the measurements.
        measurements: the numbers of all of them, for `compare`.
    """

    machine: Machine
    quick: bool
    parts: Sequence[Part]
    measurements: Sequence[Measurement]

    def text(self) -> str:
        """What was measured and what was not, with the time it took."""
        rows = [
            f"{part.title}: {f'not measured: {part.missing}' if part.missing else f'{part.took_s:.0f} s'}"
            for part in self.parts
        ]
        return "\n".join([self.machine.describe(), "", *rows, f"{len(self.measurements)} measurements"])


def run_suite(quick: bool, tell: Tell = lambda title, number, count: None) -> SuiteReport:
    """Measure everything that can be measured here; what cannot is told in its part.

    Args:
        quick: fewer hops and sizes: under a minute in place of a few, on one idle core.
        tell: watches it go on.
    """
    machine = fingerprint()
    parts = []
    plan = list(_plan(quick, machine.cores))
    for number, (title, measure) in enumerate(plan, 1):
        tell(title, number, len(plan))
        parts.append(_measured(title, measure))
    measurements = [measurement for part in parts for measurement in _measurements_of(part.report)]
    return SuiteReport(machine, quick, parts, measurements)


def _measured(title: str, measure: Callable[[], Report]) -> Part:
    began = time.perf_counter()
    try:
        report, missing = measure(), ""
    except (InputError, ImportError, BuildError) as error:
        report, missing = None, " ".join(str(error).split())
    return Part(title, report, missing, time.perf_counter() - began)


def _measurements_of(report: Report | None) -> Iterator[Measurement]:
    yield from getattr(report, "measurements", tuple)()


def _plan(quick: bool, cores: int) -> Iterator[tuple[str, Callable[[], Report]]]:
    """The measurements with their sizes. Each imports what it needs when it is its turn."""
    runtimes = available_runtimes()
    native = "native" in runtimes
    threads = (1,) if quick or cores == 1 else (1, 2)
    yield "Hops", partial(_latency, MODEL, runtimes, 300 if quick else 2000, threads)
    if not quick:
        exported = ["onnx"] if find_spec("onnxscript") is not None else []
        yield "Hops of base", partial(_latency, "base", [*exported, "eager"], 400, (1,))
    yield "Cost", partial(_cost, [*runtimes, OFFLINE] if has_torch() else runtimes, 100 if quick else 800)
    yield "Layers", partial(_layers, [MODEL] if quick else [MODEL, "base"], 60 if quick else 300)
    lengths, hops = ((1, 4), 200) if quick else ((1, 4, 10, 60), 1000)
    yield "Stream and offline form", partial(_crossover, runtimes, lengths, hops)
    yield "Sizes, eager", partial(_scaling, "eager", None, 20 if quick else 100)
    if native and not quick:
        yield "Sizes, native", partial(_scaling, "native", NATIVE_SIZES, 500)
    counts, rounds = ((1, 4), 100) if quick else ((1, 4, 16), 300)
    yield "Many streams", partial(_streams, "native" if native else "onnx", counts, rounds)
    yield "Live pipeline", partial(_pipeline, 4 if quick else 8)
    if native:
        yield "Roofline", partial(_roofline, 200 if quick else 1000)
    yield "CUDA", partial(_cuda, 2000)


def _latency(model: str, runtimes: Sequence[str], hops: int, threads: Sequence[int]) -> Report:
    from ..speed.latency import measure_latency

    return measure_latency([model], runtimes, hops, threads)


def _cost(runtimes: Sequence[str], hops: int) -> Report:
    machine = fingerprint()
    return CostReport(machine, 1, measure_costs([(MODEL, runtime) for runtime in runtimes], hops))


def _layers(models: Sequence[str], hops: int) -> Report:
    from ..speed.network.layers import measure_layers

    return measure_layers(models, hops)


def _crossover(runtimes: Sequence[str], lengths: Sequence[float], hops: int) -> Report:
    from ..speed.offline import measure_crossover

    return measure_crossover(MODEL, runtimes, lengths, hops)


def _scaling(runtime: str, sizes: Mapping[str, Sequence[int]] | None, hops: int) -> Report:
    from ..speed.network.scaling import SIZES, measure_scaling

    return measure_scaling(MODEL, [runtime], hops, SIZES if sizes is None else sizes)


def _streams(runtime: str, counts: Sequence[int], hops: int) -> Report:
    from ..speed.streams import measure_streams

    return measure_streams(MODEL, runtime, counts, hops)


def _pipeline(chirps: int) -> Report:
    from ..speed.pipeline import measure_pipeline

    return measure_pipeline(MODEL, "auto", chirps)


def _roofline(hops: int) -> Report:
    from ..speed.network.roofline import measure_roofline

    return measure_roofline(MODEL, ["onnx", "native"], hops)


def _cuda(hops: int) -> Report:
    from ..speed.cuda import measure_cuda

    return measure_cuda(MODEL, hops)

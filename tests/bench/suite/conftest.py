"""Reports of the suite as a run would make them, with invented numbers."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from lipstream.bench.machine import Machine
from lipstream.bench.speed.cuda import CudaReport, CudaTimes
from lipstream.bench.speed.latency import LatencyReport
from lipstream.bench.speed.measurements import Measurement, RuntimeTimes, StepTimes
from lipstream.bench.speed.network.layers import Layer, LayersReport, ModelLayers
from lipstream.bench.speed.network.roofline import Roofline, RooflineReport, TurnTimes
from lipstream.bench.speed.network.scaling import ScalingReport, SizeCost
from lipstream.bench.speed.offline import CrossoverReport, OfflineTimes, StreamCost, find_crossovers
from lipstream.bench.speed.pipeline import PipelineReport, Setting
from lipstream.bench.speed.simulated_camera import CameraDelays
from lipstream.bench.speed.streams import StreamsReport, StreamsTimes
from lipstream.bench.suite.run import Part, SuiteReport
from lipstream.stream.live.config import LiveLatency

MACHINE = Machine("a processor", 2, 8.0, None, 0.1, "Linux", "3.11", {"numpy": "2.0"}, "2026-11-22T00:00:00")
STEP = StepTimes.of([0.001, 0.0012, 0.002], 0.0125)


@dataclass(frozen=True)
class Readings:
    """A report that is nothing but measurements."""

    values: dict[str, float]

    def text(self) -> str:
        return f"a machine\n\n{self.values}"

    def measurements(self) -> list[Measurement]:
        return [Measurement(name, value, "ms") for name, value in self.values.items()]


def reports() -> list[object]:
    """One of each kind that the suite makes."""
    offline = [OfflineTimes("lite", s, 0.1 * s, 0.1, 0.0) for s in (1.0, 4.0)]
    stream = StreamCost("onnx", 0.025, 0.0125, STEP)
    layer = Layer("encode", 100.0, 1.0, 10, 2, 30, 40)
    latency = LiveLatency(0.0, 28.0, 0.5, 25.0, 10.0, 20.0)
    setting = Setting("low_latency", latency, 28.0, 0.5, 24.8, [83.4, 83.6], 0, CameraDelays(70, 80, 45, 59))
    cuda = CudaTimes("a GPU", STEP, 50.0, 1.0, STEP, 1_000_000, 1e12)
    return [
        LatencyReport(MACHINE, [RuntimeTimes("lite", "onnx", STEP, STEP, 25.0, 80.0, 400)]),
        LayersReport(MACHINE, 1, [ModelLayers("lite", 120.0, 20.0, 1.0, [layer], layer)]),
        CrossoverReport(MACHINE, "lite", 1, offline, [stream], {"onnx": find_crossovers(offline, stream)}),
        ScalingReport(
            MACHINE, "lite", 1, [SizeCost("bands", n, "eager", 9.0 * n, 1.0, 1.0, 2, 3) for n in (25, 50)]
        ),
        StreamsReport(MACHINE, "lite", "onnx", 12.5, 3, 400, [StreamsTimes(4, 50.0, 90.0, 1.8, 250.0)]),
        PipelineReport(MACHINE, "lite", "onnx", STEP, STEP, [setting]),
        RooflineReport(
            MACHINE, Roofline(3e6, 6e10, 10**6, 5e10), [TurnTimes("onnx", 900.0, 800.0, 1.0, 7.0, 2.0)]
        ),
        CudaReport(MACHINE, "lite", cuda),
    ]


@pytest.fixture
def suite_of() -> Callable[..., SuiteReport]:
    """Makes a report of the suite with measurements by name, and a part that could not be measured."""

    def make(**values: float) -> SuiteReport:
        report = Readings(values)
        parts = [Part("Numbers", report, "", 1.0), Part("Others", None, "no <compiler>", 0.0)]
        return SuiteReport(MACHINE, True, parts, report.measurements())

    return make

"""How the cost of a hop grows with the size of a model: bands, channels, blocks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from ....errors import InputError
from ....models.config import BandCodecConfig, BandRegion, ModelConfig
from ....models.lite_avse import LiteAVSEMamba
from ....models.store.registry import find_model
from ...machine import Machine, fingerprint
from ...output import format_count, format_table
from ..candidates import load_untrained, set_torch_threads
from ..measurements import Measurement, measure_hops
from .complexity import net_complexity, stream_bytes

#: What is varied, and the values: the size that a value of each axis gives the preset.
SIZES: Mapping[str, Sequence[int]] = {
    "bands": (25, 50, 100, 200),
    "channels": (16, 32, 64),
    "blocks": (1, 2, 4, 8),
}
#: Hops before timing starts; fewer than elsewhere, for there are many sizes and some are slow.
WARM_UP = 20


@dataclass(frozen=True)
class SizeCost:
    """A model of one size on one runtime, with random weights.

    Attributes:
        axis: what was varied, a key of `SIZES`.
        value: of it.
        runtime: name of the runtime.
        hop_us: median time of a hop.
        noise_percent: how far it moved while it was measured.
        products: multiply-accumulates of a hop in matrix products and convolutions.
        parameters: of the audio path.
        state_bytes: what one stream carries.
    """

    axis: str
    value: int
    runtime: str
    hop_us: float
    noise_percent: float
    products: float
    parameters: int
    state_bytes: int


@dataclass(frozen=True)
class ScalingReport:
    """Costs of a preset whose sizes are varied one at a time."""

    machine: Machine
    model: str
    threads: int
    costs: Sequence[SizeCost]

    def text(self) -> str:
        """The machine, a table of sizes, and by which power each cost grows."""
        headers = ["", "runtime", "hop\nus", "products\na hop", "parameters\naudio", "state"]
        rows = [
            [
                f"{cost.value} {cost.axis}",
                cost.runtime,
                f"{cost.hop_us:.0f}",
                *map(format_count, (cost.products, cost.parameters)),
                f"{format_count(cost.state_bytes)}B",
            ]
            for cost in self.costs
        ]
        growth = [
            f"{runtime}: the time of a hop grows with {axis}^{power(costs, 'hop_us'):.2f}, "
            f"its products with {axis}^{power(costs, 'products'):.2f}"
            for (axis, runtime), costs in self.series().items()
            if len(costs) > 1
        ]
        table = format_table(headers, rows)
        return "\n\n".join([self.machine.describe(), f"{self.model}\n{table}", "\n".join(growth)])

    def series(self) -> dict[tuple[str, str], list[SizeCost]]:
        """The costs by axis and runtime, in the order of their values."""

        def key(cost: SizeCost) -> tuple[str, str]:
            return cost.axis, cost.runtime

        return {name: sorted(costs, key=lambda c: c.value) for name, costs in groupby(self.costs, key)}

    def measurements(self) -> Iterator[Measurement]:
        """The time of a hop and the state of each size."""
        for cost in self.costs:
            name = f"scaling.{self.model}.{cost.axis}_{cost.value}.{cost.runtime}"
            yield Measurement(f"{name}.hop", cost.hop_us, "us", cost.noise_percent)
            yield Measurement(f"{name}.state", cost.state_bytes, "B")


def measure_scaling(
    model: str,
    runtimes: Sequence[str],
    hops: int,
    sizes: Mapping[str, Sequence[int]] = SIZES,
    threads: int = 1,
) -> ScalingReport:
    """Vary one size of a preset at a time and time its hops.

    Args:
        model: name of a preset; one without bands keeps its frequencies.
        runtimes: ``eager``, ``native`` or both; ``native`` compiles a step for each size it has not met.
        hops: hops to time for each size, after the warm-up.
        sizes: values for each axis, see `SIZES`.
        threads: threads of torch, for the whole process.

    Raises:
        InputError: no such preset, a runtime that serves no random weights, or a size that cannot be.
    """
    set_torch_threads(threads)
    machine = fingerprint()
    config = find_model(model).config
    costs = [
        _cost(_VARY[axis](config, value), axis, value, runtime, hops)
        for axis, values in sizes.items()
        if axis != "bands" or config.codec == "band"
        for runtime in runtimes
        for value in values
    ]
    return ScalingReport(machine, model, threads, costs)


def power(costs: Sequence[SizeCost], attribute: str) -> float:
    """The slope of a cost over the size, both as logarithms: 1 where twice the size costs twice as much."""
    sizes = np.log([cost.value for cost in costs])
    slope, _ = np.polyfit(sizes, np.log([getattr(cost, attribute) for cost in costs]), 1)
    return float(slope)


def _cost(config: ModelConfig, axis: str, value: int, runtime: str, hops: int) -> SizeCost:
    net = LiteAVSEMamba(config)
    size = net_complexity(net)
    stream = load_untrained(config, runtime)
    times = measure_hops(stream, hops, warm_up=WARM_UP)
    return SizeCost(
        axis=axis,
        value=value,
        runtime=runtime,
        hop_us=1e3 * times.p50_ms,
        noise_percent=times.p50_noise_percent,
        products=size.products_per_second / config.stft.frames_per_second,
        parameters=size.parameters - size.visual_parameters,
        # Not asked of the runtime: `native` counts what lips carry on a graph, which ships with few models.
        state_bytes=stream_bytes(net),
    )


def _with_bands(config: ModelConfig, bands: int) -> ModelConfig:
    """So many bands over the same bins, as even as can be, the wider ones above."""
    bins = config.stft.bins - 1
    if not 1 <= bands <= bins:
        raise InputError(f"{bands} bands do not share {bins} bins: choose 1 to {bins}")
    width, wider = divmod(bins, bands)
    regions = (BandRegion(width, bands - wider), BandRegion(width + 1, wider))
    kept = tuple(region for region in regions if region.bands)
    return replace(config, band=BandCodecConfig(config.band.features, kept, config.band.taps))


_VARY: Mapping[str, Callable[[ModelConfig, int], ModelConfig]] = {
    "bands": _with_bands,
    "channels": lambda config, channels: replace(config, channels=channels),
    "blocks": lambda config, blocks: replace(config, num_blocks=blocks),
}

"""The plots of the suite, one for each kind of report."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..report.figures import COLOURS, NOISY_COLOUR, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..speed.cuda import CudaReport
    from ..speed.latency import LatencyReport
    from ..speed.network.layers import LayersReport
    from ..speed.network.roofline import RooflineReport
    from ..speed.network.scaling import ScalingReport
    from ..speed.offline import CrossoverReport
    from ..speed.pipeline import PipelineReport
    from ..speed.streams import StreamsReport

BLUE, RED, GREEN = COLOURS[:3]


def figure_of(report: Any) -> "Figure | None":
    """The plot of a report; None for one that has none."""
    draw = _DRAW.get(type(report).__name__)
    return draw(report) if draw else None


def latency_figure(report: "LatencyReport") -> "Figure":
    """Median to 99th percentile of each hop and video frame, the longest one, and the deadline."""
    steps = [
        (f"{entry.title}, {name}", step)
        for entry in report.runtimes
        for name, step in (("hop", entry.hop), ("video frame", entry.video_frame))
    ]
    figure = new_figure(9.0, 0.42 * len(steps) + 1.1)
    axis = figure.subplots()
    rows = np.arange(len(steps))
    p50, p99, most = (
        np.array([getattr(step, name) for _, step in steps]) for name in ("p50_ms", "p99_ms", "max_ms")
    )
    axis.barh(rows, p99 - p50, left=p50, height=0.5, color=BLUE, alpha=0.35, label="p50 to p99")
    axis.plot(p50, rows, "|", color=BLUE, markersize=12, markeredgewidth=2.5, label="p50")
    axis.plot(most, rows, ".", color=RED, label="longest")
    deadlines = [step.deadline_ms for _, step in steps]
    axis.plot(deadlines, rows, "|", color="black", markersize=14, markeredgewidth=1.5, label="deadline")
    axis.set(xscale="log", xlabel="ms", yticks=rows, yticklabels=[name for name, _ in steps])
    axis.set_xlim(0.7 * p50.min(), 1.5 * max(most.max(), *deadlines))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.invert_yaxis()
    _finish(axis, figure)
    return figure


def layers_figure(report: "LayersReport") -> "Figure":
    """The time of each layer, a panel for each preset."""
    figure = new_figure(9.0, 0.28 * sum(len(model.layers) + 4 for model in report.models) + 0.4)
    heights = [len(model.layers) + 2 for model in report.models]
    axes = figure.subplots(len(report.models), 1, squeeze=False, height_ratios=heights)
    for axis, model in zip(axes[:, 0], report.models, strict=True):
        names = [*(layer.name for layer in model.layers), "between them", "visual encoder, a frame"]
        values = [*(layer.us for layer in model.layers), model.between_us, model.visual.us]
        colours = [BLUE] * len(model.layers) + [NOISY_COLOUR, GREEN]
        bars = axis.barh(names, values, color=colours, height=0.7)
        axis.bar_label(bars, fmt="%.0f", fontsize=7, padding=2)
        axis.set(xlabel="us", title=f"{model.model}: {model.hop_us:.0f} us a hop")
        axis.title.set_fontsize(9)
        axis.invert_yaxis()
        _tidy(axis)
    return figure


def crossover_figure(report: "CrossoverReport") -> "Figure":
    """When the last output is there after the last sample, and all computing, over the length."""
    figure = new_figure(9.0, 3.2)
    lag, compute = figure.subplots(1, 2)
    lengths = [times.seconds for times in report.offline]
    offline = [times.elapsed_s for times in report.offline]
    for axis in (lag, compute):
        axis.plot(lengths, offline, "s-", color=NOISY_COLOUR, label="offline form")
    for stream, colour in zip(report.streams, COLOURS, strict=False):
        label = f"stream, {stream.runtime}"
        lag.plot(lengths, [stream.lag_s] * len(lengths), "o-", color=colour, label=label)
        compute.plot(lengths, [stream.compute_s(s) for s in lengths], "o-", color=colour, label=label)
    lag.set_title("from the last sample to its sound, s", fontsize=9)
    compute.set_title("computing in all, s", fontsize=9)
    for axis in (lag, compute):
        axis.set(xscale="log", yscale="log", xlabel="seconds of sound")
        _plain_ticks(axis, lengths)
        _tidy(axis)
    _legend_below(figure, lag)
    return figure


def scaling_figure(report: "ScalingReport") -> "Figure":
    """The time of a hop over each size."""
    series = report.series()
    axes_names = list(dict.fromkeys(axis for axis, _ in series))
    figure = new_figure(3.0 * len(axes_names), 2.9)
    axes = figure.subplots(1, len(axes_names), squeeze=False)[0]
    for (name, runtime), costs in series.items():
        axis = axes[axes_names.index(name)]
        sizes = [cost.value for cost in costs]
        axis.plot(sizes, [cost.hop_us for cost in costs], "o-", color=BLUE, label=f"{runtime}, us a hop")
        for cost in costs:
            place = (cost.value, cost.hop_us)
            axis.annotate(f"{cost.hop_us:.0f}", place, (2, -10), textcoords="offset points", fontsize=7)
        even = [costs[0].hop_us * size / sizes[0] for size in sizes]
        axis.plot(sizes, even, ":", color=NOISY_COLOUR, label="in proportion")
        axis.set(xscale="log", yscale="log", xlabel=name, yticks=[])
        axis.margins(0.15)
        _plain_ticks(axis, sizes)
        _tidy(axis)
    _legend_below(figure, axes[0])
    return figure


def streams_figure(report: "StreamsReport") -> "Figure":
    """The time of a hop for each stream, stepped together and apart, over the number of streams."""
    figure = new_figure(6.0, 3.0)
    axis = figure.subplots()
    counts = [entry.streams for entry in report.times]
    axis.plot(counts, [e.apart_us for e in report.times], "s-", color=NOISY_COLOUR, label="one runtime each")
    axis.plot(counts, [entry.joint_us for entry in report.times], "o-", color=BLUE, label="stepped together")
    axis.set(xscale="log", xlabel="streams", ylabel="us a hop and stream", ylim=(0, None))
    _plain_ticks(axis, counts)
    _finish(axis, figure)
    return figure


def pipeline_figure(report: "PipelineReport") -> "Figure":
    """The declared delay from mouth to ear by stage, and where the chirps were heard."""
    figure = new_figure(9.0, 0.7 * len(report.settings) + 1.5)
    axis = figure.subplots()
    stages = ("input_wait_ms", "devices_ms", "enhancer_ms", "varispeed_ms", "buffer_ms")
    names = ("input block", "devices", "enhancer", "two clocks", "buffered")
    colours = (NOISY_COLOUR, "#bbbbbb", BLUE, COLOURS[4], GREEN)
    labels = [setting.name.replace("_", " ") for setting in report.settings]
    left = np.zeros(len(labels))
    for stage, name, colour in zip(stages, names, colours, strict=True):
        widths = np.array([getattr(setting.declared, stage) for setting in report.settings])
        axis.barh(labels, widths, left=left, color=colour, label=name, height=0.55)
        left += widths
    for row, setting in enumerate(report.settings):
        heard = setting.heard_ms
        label = "chirps heard" if row == 0 else None
        axis.plot(heard, [row] * len(heard), "|", color="black", markersize=38, label=label)
    axis.set(xlabel="ms from mouth to ear")
    axis.margins(x=0.03)
    axis.invert_yaxis()
    _finish(axis, figure)
    return figure


def roofline_figure(report: "RooflineReport") -> "Figure":
    """The runtimes above what the core could do."""
    names = ["memory roofline", "compute roofline", *(entry.runtime for entry in report.runtimes)]
    values = [
        report.roofline.memory_us,
        report.roofline.compute_us,
        *(entry.cpu_us for entry in report.runtimes),
    ]
    return _bars(names, values, [NOISY_COLOUR] * 2 + [BLUE] * len(report.runtimes))


def cuda_figure(report: "CudaReport") -> "Figure | None":
    """A hop on the GPU, above what its memory could do."""
    times = report.times
    if times is None:
        return None
    names = ["roofline", "graph, by events", "graph, host to host", "kernel by kernel"]
    values = [times.roofline_us, times.replay_us, 1e3 * times.graph.p50_ms, 1e3 * times.eager.p50_ms]
    return _bars(names, values, [NOISY_COLOUR, BLUE, BLUE, BLUE])


_DRAW: Mapping[str, Callable[[Any], "Figure | None"]] = {
    "LatencyReport": latency_figure,
    "LayersReport": layers_figure,
    "CrossoverReport": crossover_figure,
    "ScalingReport": scaling_figure,
    "StreamsReport": streams_figure,
    "PipelineReport": pipeline_figure,
    "RooflineReport": roofline_figure,
    "CudaReport": cuda_figure,
}


def _bars(names: Sequence[str], values: Sequence[float], colours: Sequence[str]) -> "Figure":
    figure = new_figure(9.0, 0.38 * len(names) + 0.9)
    axis = figure.subplots()
    axis.bar_label(axis.barh(names, values, color=colours, height=0.6), fmt="%.0f", fontsize=8, padding=2)
    axis.set(xscale="log", xlabel="us a hop")
    axis.invert_yaxis()
    _tidy(axis)
    return figure


def _finish(axis: "Axes", figure: "Figure") -> None:
    _tidy(axis)
    _legend_below(figure, axis)


def _tidy(axis: "Axes") -> None:
    axis.grid(alpha=0.3)
    axis.set_axisbelow(True)
    axis.tick_params(labelsize=8)
    axis.xaxis.label.set_fontsize(8)
    axis.yaxis.label.set_fontsize(8)
    axis.spines[["top", "right"]].set_visible(False)


def _legend_below(figure: "Figure", axis: "Axes") -> None:
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8, frameon=False)


def _plain_ticks(axis: "Axes", values: Sequence[float]) -> None:
    """The measured values on a logarithmic axis, as they are."""
    axis.set_xticks(values, [f"{value:g}" for value in values])
    axis.minorticks_off()

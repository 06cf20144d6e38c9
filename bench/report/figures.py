"""The figures of a report: scores over the signal-to-noise ratio, spectrograms, confidence in the video."""

import math
from collections.abc import Mapping, Sequence
from io import BytesIO, StringIO
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...core.arrays import Float32
from ..data.recordings import NOISY
from ..evaluation.results import AlphaTrace, Results
from ..evaluation.summaries import Group, groups_by_snr
from ..metrics.intrusive import SAMPLE_RATE
from ..metrics.scoring import METRICS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Okabe and Ito's colours, which colour-blind readers tell apart; noisy is grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
NOISY_COLOUR = "#888888"

#: What is plotted over the ratio, where it was scored.
PLOTTED = ("pesq_wb", "estoi", "si_sdr_db", "dnsmos_ovrl")

#: Spectrograms: Hann windows of 32 ms, a column every 8 ms, and the range of levels shown.
FFT_SIZE, HOP = 512, 128
RANGE_DB = 70.0
#: Differences beyond this are shown in the full colour.
DIFFERENCE_DB = 30.0

#: Left out of the plots over the ratio: videos that only show what goes wrong.
MISLEADING = ("black video", "frozen video", "stuck video", "wrong video")


def snr_figure(results: Results, dataset: str) -> "Figure | None":
    """Mean scores over the ratio: a row for each condition, a column for each score, a line for each signal.

    Bars are 95 % confidence intervals. None where no condition has two ratios.
    """
    by_condition: dict[str, list[Group]] = {}
    for group in groups_by_snr(results):
        if group.dataset == dataset and group.snr_db is not None and math.isfinite(group.snr_db):
            by_condition.setdefault(group.label, []).append(group)
    rows = {label: groups for label, groups in by_condition.items() if len(groups) > 1}
    metrics = [metric for metric in PLOTTED if metric in results.metrics]
    if not rows or not metrics:
        return None
    figure = new_figure(3.0 * len(metrics) + 1.2, 2.5 * len(rows) + 0.6)
    axes = figure.subplots(len(rows), len(metrics), squeeze=False)
    for row, (label, groups) in zip(axes, rows.items(), strict=True):
        for axis, metric in zip(row, metrics, strict=True):
            _draw_over_snr(axis, groups, metric, _colours(results.signals))
            axis.set_title(f"{label}: {METRICS[metric].title}", fontsize=9)
            axis.set_xlabel("SNR, dB", fontsize=8)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)), fontsize=8)
    return figure


def spectrogram_figure(signals: Mapping[str, Float32], enhanced: str) -> "Figure":
    """Noisy, enhanced and clean side by side, and where enhanced differs from clean, in dB.

    Args:
        signals: float32 ``[samples]`` at 16 kHz by name: ``clean``, the enhanced one under its own name, and
            ``noisy`` where there is one.
        enhanced: name of the signal to look at.
    """
    levels = {name: spectrogram_db(signals[name]) for name in (NOISY, enhanced, "clean") if name in signals}
    top = max(level.max() for level in levels.values())
    figure = new_figure(3.4 * (len(levels) + 1), 2.7)
    axes = figure.subplots(1, len(levels) + 1, sharey=True)
    extent = (0.0, signals["clean"].size / SAMPLE_RATE, 0.0, SAMPLE_RATE / 2000)
    for axis, (name, level) in zip(axes, levels.items(), strict=False):
        image = axis.imshow(
            level, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=top - RANGE_DB, vmax=top
        )
        axis.set_title(name, fontsize=9)
    figure.colorbar(image, ax=list(axes[:-1]), label="dB", pad=0.01)
    floor = top - RANGE_DB
    difference = np.maximum(levels[enhanced], floor) - np.maximum(levels["clean"], floor)
    image = axes[-1].imshow(
        difference,
        origin="lower",
        aspect="auto",
        extent=extent,
        cmap="RdBu_r",
        vmin=-DIFFERENCE_DB,
        vmax=DIFFERENCE_DB,
    )
    axes[-1].set_title("enhanced - clean: red is left, blue is lost", fontsize=9)
    figure.colorbar(image, ax=axes[-1], label="dB", pad=0.02)
    axes[0].set_ylabel("kHz", fontsize=8)
    for axis in axes:
        axis.set_xlabel("s", fontsize=8)
        axis.tick_params(labelsize=7)
    return figure


def alpha_figure(traces: Sequence[AlphaTrace]) -> "Figure":
    """Confidence in the video over time for each signal: the mean, and the middle 80 % of the recordings."""
    by_signal: dict[str, list[AlphaTrace]] = {}
    for trace in traces:
        by_signal.setdefault(trace.signal, []).append(trace)
    figure = new_figure(8.0, 3.0)
    axis = figure.subplots()
    for (signal, entries), colour in zip(by_signal.items(), _cycle(len(by_signal)), strict=True):
        values = _padded([entry.values for entry in entries])
        time_s = entries[0].step_s * np.arange(1, values.shape[1] + 1)
        axis.plot(time_s, np.nanmean(values, axis=0), color=colour, label=signal)
        low, high = np.nanpercentile(values, (10, 90), axis=0)
        axis.fill_between(time_s, low, high, color=colour, alpha=0.15, linewidth=0)
    axis.set(xlabel="s", ylabel="alpha", ylim=(-0.02, 1.02))
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    return figure


def spectrogram_db(wave: Float32) -> npt.NDArray[np.float64]:
    """Power in dB, ``[FFT_SIZE / 2 + 1, columns]``, 0 dB for a full-scale sine in a bin."""
    padded = np.pad(wave, (0, max(0, FFT_SIZE - wave.size)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT_SIZE)[::HOP]
    window = np.hanning(FFT_SIZE)
    amplitude = np.abs(np.fft.rfft(frames * window, axis=1)).T / (window.sum() / 2)
    decibels: npt.NDArray[np.float64] = 20 * np.log10(np.maximum(amplitude, 1e-10))
    return decibels


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of so many inches."""
    # Not through pyplot: no window system is asked for, and nothing is kept when the figure goes.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def as_svg(figure: "Figure") -> str:
    """The figure as an SVG element to put into a page."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    drawing = text.getvalue()
    return drawing[drawing.index("<svg") :]


def as_png(figure: "Figure", dpi: int = 80) -> bytes:
    """The figure as the bytes of a PNG file."""
    content = BytesIO()
    figure.savefig(content, format="png", dpi=dpi)
    return content.getvalue()


def _draw_over_snr(axis: "Axes", groups: Sequence[Group], metric: str, colours: Mapping[str, str]) -> None:
    signals = dict.fromkeys(name for group in groups for name in group.signals)
    for signal in signals:
        if signal.endswith(MISLEADING):
            continue
        means = [group.mean(signal, metric) for group in groups]
        axis.errorbar(
            [group.snr_db or 0.0 for group in groups],
            [mean.value for mean in means],
            [mean.ci95 if mean.count > 1 else 0.0 for mean in means],
            color=colours[signal],
            linestyle="--" if signal == NOISY else "-",
            marker="o",
            markersize=3,
            linewidth=1.4,
            elinewidth=0.7,
            label=signal,
        )
    axis.grid(alpha=0.3)
    axis.tick_params(labelsize=8)


def _colours(signals: Sequence[str]) -> dict[str, str]:
    systems = [name for name in signals if name != NOISY and not name.endswith(MISLEADING)]
    return {NOISY: NOISY_COLOUR} | dict(zip(systems, _cycle(len(systems)), strict=True))


def _cycle(count: int) -> list[str]:
    return [COLOURS[index % len(COLOURS)] for index in range(count)]


def _padded(rows: Sequence[Sequence[float]]) -> npt.NDArray[np.float64]:
    """Rows of different lengths as one array, NaN beyond their ends."""
    values = np.full((len(rows), max(map(len, rows))), np.nan)
    for row, given in zip(values, rows, strict=True):
        row[: len(given)] = given
    return values

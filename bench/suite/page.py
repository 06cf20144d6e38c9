"""One page of a run of the suite: the numbers that matter first, then every measurement in full."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..output import plain
from ..report.figures import as_svg
from ..report.page import Block, Section, about_machine, write_page
from ..report.tables import Row, Table, plain_row
from ..speed.latency import LatencyReport
from ..speed.pipeline import PipelineReport
from .figures import figure_of
from .run import Part, SuiteReport

TITLE = "Lipstream: speed and latency"

#: What the page says above each measurement.
NOTES = {
    "Hops": "Each runtime steps hop by hop in a process of its own. Jitter is p99 - p50; memory is what the "
    "process gained by loading and by running.",
    "Hops of base": "The larger preset. Its weights do not ship: they are random, which changes no time.",
    "Cost": "Parameters, operations, state and peak memory, each form in a process of its own.",
    "Layers": "Processor time of each layer inside whole hops, eager torch, one thread.",
    "Stream and offline form": "The offline form sees the whole recording before it gives anything. The "
    "stream lags by its window and the time of a hop, however long the recording is.",
    "Sizes, eager": "One size of lite is varied at a time, with random weights.",
    "Sizes, native": "The same with the compiled step, which is built for each size.",
    "Many streams": "Independent streams stepped in one call, against one runtime for each.",
    "Live pipeline": "Simulated devices and simulated time, with the time of a block as measured. Chirps "
    "find the delay, whatever the budget says.",
    "Roofline": "What one core could do at most, and runtimes that take turns in one process.",
}


def save_suite_page(path: Path, report: SuiteReport) -> None:
    """Write the report as one self-contained HTML file, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    about = list(about_machine(plain(report.machine)))
    if report.quick:
        about.append("quick run: fewer hops and sizes")
    sections = [Section("Summary", "", list(_summary(report))), *map(_section, report.parts)]
    write_page(path, TITLE, about, sections)


def _section(part: Part) -> Section:
    if part.report is None:
        return Section(part.title, NOTES.get(part.title, ""), [Block(text=f"not measured: {part.missing}")])
    figure = figure_of(part.report)
    # The machine stands at the top of the page.
    text = part.report.text().split("\n\n", 1)[-1]
    return Section(
        part.title, NOTES.get(part.title, ""), [Block(svg=as_svg(figure) if figure else "", text=text)]
    )


def _summary(report: SuiteReport) -> Iterator[Block]:
    hops = [
        row
        for part in report.parts
        if isinstance(part.report, LatencyReport)
        for row in _hop_rows(part.report)
    ]
    if hops:
        headers = [
            "",
            "hop p50, ms",
            "p99, ms",
            "of its time, %",
            "missed",
            "first output, ms",
            "loading, MiB",
        ]
        yield Block(table=Table("", headers, hops), title="A hop")
    for part in report.parts:
        if isinstance(part.report, PipelineReport):
            headers = ["", "mouth to ear, ms", "declared, ms", "camera to alpha, ms"]
            rows = [
                plain_row(
                    setting.name.replace("_", " "),
                    f"{float(np.mean(setting.heard_ms)):.1f}",
                    f"{setting.declared.total_ms:.1f}",
                    f"{setting.camera.to_alpha_ms:.1f}",
                )
                for setting in part.report.settings
            ]
            yield Block(table=Table("", headers, rows), title="A live stream, simulated devices")


def _hop_rows(report: LatencyReport) -> Iterator[Row]:
    for entry in report.runtimes:
        yield plain_row(
            entry.title,
            f"{entry.hop.p50_ms:.3f}",
            f"{entry.hop.p99_ms:.3f}",
            f"{entry.hop.p50_percent:.1f}",
            f"{entry.hop.misses} of {entry.hop.count}",
            f"{entry.first_output_ms:.0f}",
            "-" if entry.loading_mib is None else f"{entry.loading_mib:.0f}",
        )

"""The tables of a report: cells as text, the best ones marked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite

from ..data.recordings import NOISY
from ..evaluation.comparison import COMPARISON_HEADERS, compare_results, comparison_cells, share_recordings
from ..evaluation.results import Results
from ..evaluation.summaries import Group, Mean, groups_by_condition, groups_by_snr, video_effects
from ..metrics.scoring import METRICS
from ..speed.cost import COST_HEADERS, cost_cells
from ..systems.ours import VIDEOS
from .figures import MISLEADING

#: Scores in the tables by ratio, which would be too wide with all of them.
BY_SNR = ("pesq_wb", "estoi", "si_sdr_db", "dnsmos_ovrl")
#: Scores that are tested.
TESTED = ("pesq_wb", "estoi", "si_sdr_db", "covl", "dnsmos_ovrl")


@dataclass(frozen=True)
class Cell:
    """One cell; its style is ``best`` for the best of its group, ``signal`` for a name, or none."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Row:
    """One row; ``first`` begins a new group."""

    cells: Sequence[Cell]
    first: bool = False


@dataclass(frozen=True)
class Table:
    """A table with a heading above it."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Row]


def score_tables(results: Results) -> Iterator[Table]:
    """Mean scores of each condition, one table for each data set."""
    yield from _tables_of_groups(groups_by_condition(results), results.metrics)


def snr_tables(results: Results) -> Iterator[Table]:
    """Mean scores of each condition and ratio, one table for each data set."""
    metrics = [metric for metric in BY_SNR if metric in results.metrics]
    yield from _tables_of_groups(groups_by_snr(results), metrics)


def video_tables(results: Results) -> Iterator[Table]:
    """What videos of all kinds change, one table for each system that was shown any."""
    effects = video_effects(results)
    for system in dict.fromkeys(effect.system for effect in effects):
        rows = [effect for effect in effects if effect.system == system]
        kinds = [kind for kind in VIDEOS if kind in rows[0].change]
        headers = ["", "recordings", "audio-only, dB"]
        headers += [f"{kind} video, dB" for kind in kinds] + [f"alpha, {kind}" for kind in kinds]
        yield Table(
            system,
            headers,
            [
                plain_row(
                    effect.group,
                    _of(effect.audio_only.count, effect.recordings),
                    f"{effect.audio_only.value:.2f}",
                    *(_change_text(effect.change[kind]) for kind in kinds),
                    *(f"{effect.alpha[kind].value:.2f}" for kind in kinds),
                )
                for effect in rows
            ],
        )


def comparison_tables(results: Results) -> Iterator[Table]:
    """The first system tested against noisy and every other system, on the recordings that are disturbed.

    Clean ones would drown the others: an untouched recording has an SI-SDR of 100 dB.
    """
    disturbed = replace(results, items=[item for item in results.items if item.condition != "clean"])
    systems = [name for name in results.signals if name != NOISY and not name.endswith(MISLEADING)]
    others = [name for name in results.signals if name not in systems[:1] and not name.endswith(MISLEADING)]
    metrics = [metric for metric in TESTED if metric in results.metrics]
    for other in others if metrics else ():
        title = f"A: {other}, B: {systems[0]}"
        if not share_recordings(disturbed, other, systems[0]):
            yield Table(f"{title}: no recording has both", COMPARISON_HEADERS, [])
            continue
        comparisons = compare_results(disturbed, disturbed, other, systems[0], metrics)
        yield Table(
            title,
            COMPARISON_HEADERS,
            [plain_row(*comparison_cells(entry)) for entry in comparisons],
        )


def cost_table(results: Results) -> Table | None:
    """The cost of the systems, if it was measured."""
    rows = [cost_cells(cost) for cost in results.costs]
    headers = [header.replace("\n", " ") for header in COST_HEADERS]
    return Table("", headers, [plain_row(*row) for row in rows]) if rows else None


def _tables_of_groups(groups: Sequence[Group], metrics: Sequence[str]) -> Iterator[Table]:
    for dataset in dict.fromkeys(group.dataset for group in groups):
        rows = [row for group in groups if group.dataset == dataset for row in _group_rows(group, metrics)]
        headers = ["", "signal", "recordings", *(METRICS[metric].title for metric in metrics)]
        yield Table(dataset, headers, rows)


def _group_rows(group: Group, metrics: Sequence[str]) -> Iterator[Row]:
    means = {signal: {metric: group.mean(signal, metric) for metric in metrics} for signal in group.signals}
    best = {metric: _best(metric, [row[metric].value for row in means.values()]) for metric in metrics}
    for number, (signal, row) in enumerate(means.items()):
        cells = [
            Cell(group.title if number == 0 else ""),
            Cell(signal, "signal"),
            Cell(group.counts([signal], metrics)),
        ]
        for metric, mean in row.items():
            is_best = len(means) > 1 and mean.value == best[metric]
            cells.append(Cell(_mean_text(metric, mean), "best" if is_best else ""))
        yield Row(cells, first=number == 0)


def _best(metric: str, values: Sequence[float]) -> float | None:
    finite = [value for value in values if isfinite(value)]
    if not finite:
        return None
    if METRICS[metric].best == "zero":
        return min(finite, key=abs)
    return max(finite) if METRICS[metric].best == "high" else min(finite)


def _mean_text(metric: str, mean: Mean) -> str:
    return f"{mean.value:.{METRICS[metric].digits}f}" if mean.count else "-"


def _change_text(change: Mean) -> str:
    return f"{change.value:+.2f} ± {change.ci95:.2f}" if change.count > 1 else f"{change.value:+.2f}"


def _of(count: int, recordings: int) -> str:
    return str(count) if count == recordings else f"{count} of {recordings}"


def plain_row(*texts: str) -> Row:
    """A row of cells without styles."""
    return Row([Cell(text) for text in texts])

"""Results as tables of plain text, for the terminal."""

import math
from collections.abc import Iterable, Sequence
from statistics import fmean

from ..data.recordings import NOISY
from ..evaluation.comparison import COMPARISON_HEADERS, Comparison, comparison_cells
from ..evaluation.results import Record, Results
from ..evaluation.summaries import Mean, disturbed_group, groups_by_condition
from ..metrics import METRICS
from ..output import format_table

#: What `conditions_table` and `systems_table` show, where it was scored.
HEADLINES = ("pesq_wb", "estoi", "si_sdr_db")

#: The score that `fidelity_table` is for.
FIDELITY = "over_suppressed_percent"

UNKNOWN = "-"


def scores_table(results: Results) -> str:
    """All mean scores by condition, a row for each signal."""
    metrics = results.metrics
    headers = ["", "signal", "items", *(METRICS[metric].title.replace(", ", "\n") for metric in metrics)]
    rows = []
    for group in groups_by_condition(results):
        for number, signal in enumerate(group.signals):
            name = f"{group.dataset} {group.label}".strip() if number == 0 else ""
            means = [_mean(group.mean(signal, metric), METRICS[metric].digits) for metric in metrics]
            rows.append([name, signal, group.counts([signal], metrics), *means])
    return format_table(headers, rows)


def conditions_table(results: Results) -> str:
    """The `HEADLINES` by condition and ratio, a column for each signal."""
    metrics = [metric for metric in HEADLINES if metric in results.metrics]
    signals = results.signals
    headers = ["", "items"]
    for metric in metrics:
        title = METRICS[metric].title.replace(",", "")
        headers += [f"{title if column == 0 else ''}\n{signal}" for column, signal in enumerate(signals)]
    rows = []
    for group in groups_by_condition(results, ratios=True):
        means = [
            _mean(group.mean(signal, metric), min(METRICS[metric].digits, 2))
            for metric in metrics
            for signal in signals
        ]
        rows.append([group.title, group.counts(signals, metrics), *means])
    return format_table(headers, rows)


def systems_table(results: Results) -> str:
    """A row for each signal: its `HEADLINES` where something disturbs the speech, clean speech, its cost."""
    headers = ["", "items", "PESQ-WB", "ESTOI", "SI-SDR\ndB", "clean\nPESQ-WB"]
    headers += ["RTF", "latency\nms", "memory\nMiB", "rate\nkHz"]
    disturbed = disturbed_group(results)
    clean = [group for group in groups_by_condition(results) if group.label == "clean"]
    costs = {cost.name: cost for cost in results.costs}
    rows = []
    for signal in results.signals:
        scores = [
            _mean(disturbed.mean(signal, metric), digits)
            for metric, digits in zip(HEADLINES, (3, 3, 2), strict=True)
        ]
        untouched = _mean(clean[0].mean(signal, "pesq_wb"), 2) if clean else UNKNOWN
        cost = costs.get(signal)
        if signal == NOISY or cost is None:
            spent = ["" if signal == NOISY else UNKNOWN] * 4
        else:
            spent = [
                _value(cost.rtf, ".3f"),
                "whole file" if cost.latency_ms is None else f"{cost.latency_ms:.1f}",
                _value(cost.peak_memory_mib, ".0f"),
                UNKNOWN if cost.sample_rate is None else f"{cost.sample_rate / 1000:g}",
            ]
        rows.append([signal, disturbed.counts([signal], HEADLINES), *scores, untouched, *spent])
    return format_table(headers, rows)


def fidelity_table(results: Results, signal: str) -> str:
    """What is left of speech, a row for each condition; those in noise last, by ratio, and all together.

    In noise only the gain of the speech within the output is told: what is left of the noise would count as
    level, and other scores tell of it.

    Args:
        results: scored by the families ``pesq``, ``stoi``, ``level`` and ``over-suppression``.
        signal: whose scores.
    """
    items = [item for item in results.items if signal in item.scores]
    in_noise = sorted((item for item in items if math.isfinite(item.snr_db)), key=lambda item: item.snr_db)
    groups: dict[str, list[Record]] = {}
    for item in [*(item for item in items if not math.isfinite(item.snr_db)), *in_noise]:
        ratio = f", {item.snr_db:g} dB" if math.isfinite(item.snr_db) else ""
        groups.setdefault(f"{item.condition}{ratio}", []).append(item)
    if in_noise:
        disturbed = dict.fromkeys(item.condition for item in in_noise)
        groups[f"{' + '.join(disturbed)}, all"] = in_noise
    headers = ["", "items", "PESQ-WB", "ESTOI", "level error, dB\nmean", "\nworst", "over-suppressed\n%"]
    rows = []
    for condition, members in groups.items():
        alone = not math.isfinite(members[0].snr_db)
        errors = _defined(members, signal, "level_error_db" if alone else "speech_level_db")
        means = {
            metric: _average(_defined(members, signal, metric) if alone else [])
            for metric in ("pesq_wb", "estoi", FIDELITY)
        }
        rows.append(
            [
                condition,
                str(len(members)),
                _value(means["pesq_wb"], ".2f"),
                _value(means["estoi"], ".3f"),
                _value(_average(map(abs, errors)), ".2f"),
                _value(max(errors, key=abs, default=None), "+.2f"),
                _value(means[FIDELITY], ".2f"),
            ]
        )
    return format_table(headers, rows)


def comparison_table(comparisons: Sequence[Comparison]) -> str:
    """The comparisons of two signals."""
    return format_table(COMPARISON_HEADERS, [comparison_cells(entry) for entry in comparisons])


def _mean(mean: Mean, digits: int) -> str:
    return f"{mean.value:.{digits}f}" if mean.count else UNKNOWN


def _value(value: float | None, form: str) -> str:
    return UNKNOWN if value is None else format(value, form)


def _defined(items: Sequence[Record], signal: str, metric: str) -> list[float]:
    values = (item.scores[signal].get(metric, math.nan) for item in items)
    return [value for value in values if math.isfinite(value)]


def _average(values: Iterable[float]) -> float | None:
    found = list(values)
    return fmean(found) if found else None

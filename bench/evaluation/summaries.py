"""Means of results in groups: by data set, condition and signal-to-noise ratio."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from ..metrics.scoring import METRICS
from ..output import format_number, format_table, write_csv
from .quality import DISTURBED
from .results import NOISY, Record, Results

#: Ratios are counted by the nearest of these steps, so that a list with any ratios has a breakdown, too.
SNR_STEP_DB = 5

#: 97.5 % of a normal distribution lie below so many standard deviations.
Z_95 = 1.96


@dataclass(frozen=True)
class Mean:
    """The mean of a score over recordings.

    Attributes:
        value: NaN where there is none.
        count: recordings in it.
        std: standard deviation over recordings; NaN below two.
    """

    value: float
    count: int
    std: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        """The mean of finite values."""
        spread = stdev(values) if len(values) > 1 else math.nan
        return cls(fmean(values) if values else math.nan, len(values), spread)

    @property
    def ci95(self) -> float:
        """Half the width of the 95 % confidence interval of the mean, by the normal approximation."""
        return Z_95 * self.std / math.sqrt(self.count) if self.count > 1 else math.nan


@dataclass(frozen=True)
class Group:
    """Recordings that belong together; ``snr_db`` is None where it is a group of all ratios."""

    dataset: str
    label: str
    snr_db: float | None
    items: Sequence[Record]

    @property
    def signals(self) -> list[str]:
        """The signals that at least one of its recordings has, noisy first."""
        names = dict.fromkeys(name for item in self.items for name in item.scores)
        return sorted(names, key=lambda name: name != NOISY)

    def mean(self, signal: str, metric: str) -> Mean:
        """The mean of a score of a signal; without values where the signal was not scored so.

        All signals that were are compared on the same recordings, those in which each of them has the score;
        the others are left out and told by ``count``.
        """
        scored = [
            name for name in self.signals if any(metric in item.scores.get(name, ()) for item in self.items)
        ]
        if signal not in scored:
            return Mean.of([])
        rows = [[item.scores.get(name, {}).get(metric, math.nan) for name in scored] for item in self.items]
        place = scored.index(signal)
        return Mean.of([row[place] for row in rows if all(map(math.isfinite, row))])


def groups_by_condition(results: Results) -> list[Group]:
    """One group for each data set and condition, one for each kind, and all that is disturbed together."""
    groups = []
    for dataset, items in _by_dataset(results):
        conditions = list(dict.fromkeys(item.condition for item in items))
        groups += [
            Group(dataset, condition, None, [item for item in items if item.condition == condition])
            for condition in conditions
        ]
        for kind in dict.fromkeys(item.kind for item in items if item.kind):
            groups.append(Group(dataset, kind, None, [item for item in items if item.kind == kind]))
        disturbed = [condition for condition in DISTURBED if condition in conditions]
        if len(disturbed) > 1:
            mixed = [item for item in items if item.condition in disturbed]
            groups.append(Group(dataset, " + ".join(disturbed), None, mixed))
    return groups


def groups_by_snr(results: Results) -> list[Group]:
    """One group for each data set, condition and known ratio, in steps of `SNR_STEP_DB`."""
    groups = []
    for dataset, items in _by_dataset(results):
        for condition in dict.fromkeys(item.condition for item in items):
            by_ratio: dict[float, list[Record]] = {}
            for item in items:
                if item.condition == condition and math.isfinite(item.snr_db):
                    ratio = float(SNR_STEP_DB * round(item.snr_db / SNR_STEP_DB))
                    by_ratio.setdefault(ratio, []).append(item)
            groups += [Group(dataset, condition, ratio, by_ratio[ratio]) for ratio in sorted(by_ratio)]
    return groups


def save_by_snr_csv(path: Path, results: Results) -> None:
    """Write the mean of each score of each signal for each data set, condition and ratio, one a row.

    Raises:
        InputError: the file cannot be written.
    """
    header = ["dataset", "condition", "snr_db", "signal", "metric", "count", "mean", "std", "ci95"]
    rows: list[list[object]] = []
    for group in groups_by_snr(results):
        for signal in group.signals:
            for metric in results.metrics:
                mean = group.mean(signal, metric)
                numbers = [format_number(value) for value in (mean.value, mean.std, mean.ci95)]
                if mean.count:
                    place = [group.dataset, group.label, group.snr_db, signal, metric, mean.count]
                    rows.append([*place, *numbers])
    write_csv(path, header, rows)


def scores_text(results: Results) -> str:
    """Mean scores by condition as text, a row for each signal."""
    metrics = results.metrics
    headers = ["", "signal", "items", *(METRICS[metric].title.replace(", ", "\n") for metric in metrics)]
    rows = []
    for group in groups_by_condition(results):
        for number, signal in enumerate(group.signals):
            means = [group.mean(signal, metric) for metric in metrics]
            name = f"{group.dataset} {group.label}".strip() if number == 0 else ""
            cells = [
                f"{mean.value:.{METRICS[metric].digits}f}" if mean.count else "-"
                for metric, mean in zip(metrics, means, strict=True)
            ]
            rows.append([name, signal, str(max((mean.count for mean in means), default=0)), *cells])
    return format_table(headers, rows)


def _by_dataset(results: Results) -> Iterator[tuple[str, list[Record]]]:
    for dataset in dict.fromkeys(item.dataset for item in results.items):
        yield dataset, [item for item in results.items if item.dataset == dataset]

"""Score an enhancer on noisy and clean pairs: noisy against enhanced, by condition and signal-to-noise ratio.

The enhancer runs in the caller, one recording after another; scoring, the slower half, may run in worker
processes.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from ...core.processes import map_in_order
from ..data.builtin import Float32, Item
from ..metrics.intrusive import METRICS, Scores, score
from ..output import format_table

#: More scorers than this only wait for the one enhancer.
MAX_JOBS = 2

#: Conditions in which something disturbs the speech: the second headline number is their mean.
DISTURBED = ("noise", "babble", "talker")

Enhance = Callable[[Float32], Float32]
Outputs = Mapping[str, Float32]


@dataclass(frozen=True)
class ItemScores:
    """The scores of one recording: of the noisy signal under ``noisy``, of each output under its own name."""

    id: str
    condition: str
    snr_db: float
    kind: str
    scores: Mapping[str, Scores]

    @property
    def is_scored(self) -> bool:
        """Every score of every signal is defined."""
        return all(
            math.isfinite(getattr(scores, metric)) for scores in self.scores.values() for metric in METRICS
        )


@dataclass(frozen=True)
class Summary:
    """Mean scores of a group of recordings.

    Attributes:
        label: what the group is.
        count: recordings in the means.
        unscored: recordings left out of all means because one of their scores is not defined.
        means: mean scores of each signal; NaN where ``count`` is 0.
    """

    label: str
    count: int
    unscored: int
    means: Mapping[str, Scores]


@dataclass(frozen=True)
class QualityReport:
    """Scores of every recording, and their means in groups."""

    items: tuple[ItemScores, ...]

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that were scored: ``noisy`` first."""
        return tuple(self.items[0].scores) if self.items else ("noisy",)

    def summary(
        self,
        label: str = "all",
        conditions: Collection[str] | None = None,
        snr_db: float | None = None,
        kind: str | None = None,
    ) -> Summary:
        """Mean scores of the recordings that fit: None fits all."""
        group = [
            item
            for item in self.items
            if (conditions is None or item.condition in conditions)
            and (snr_db is None or item.snr_db == snr_db)
            and (kind is None or item.kind == kind)
        ]
        scored = [item for item in group if item.is_scored]
        means = {signal: _mean([item.scores[signal] for item in scored]) for signal in self.signals}
        return Summary(label, len(scored), len(group) - len(scored), means)

    def summaries(self) -> list[Summary]:
        """Means for each condition and ratio, each condition, each kind, and all that is disturbed."""
        rows = []
        conditions = list(dict.fromkeys(item.condition for item in self.items))
        for condition in conditions:
            ratios = sorted({item.snr_db for item in self.items if item.condition == condition})
            if len(ratios) > 1:
                rows += [self.summary(f"{condition} {snr:g} dB", [condition], snr) for snr in ratios]
            rows.append(self.summary(condition, [condition]))
        kinds = dict.fromkeys(item.kind for item in self.items if item.kind)
        rows += [self.summary(kind, kind=kind) for kind in kinds]
        disturbed = [condition for condition in DISTURBED if condition in conditions]
        if len(disturbed) > 1:
            rows.append(self.summary(" + ".join(disturbed), disturbed))
        return rows

    def table(self) -> str:
        """The means as text, one row a group."""
        titles = {"pesq_wb": "PESQ-WB", "estoi": "ESTOI", "si_sdr_db": "SI-SDR dB"}
        headers = ["", "items"]
        for metric in METRICS:
            title = titles[metric]
            headers += [
                f"{title if column == 0 else ''}\n{signal}" for column, signal in enumerate(self.signals)
            ]
        return format_table(headers, [self._row(summary) for summary in self.summaries()])

    def _row(self, summary: Summary) -> list[str]:
        of_all = f" of {summary.count + summary.unscored}" if summary.unscored else ""
        cells = [summary.label, f"{summary.count}{of_all}"]
        for metric in METRICS:
            digits = 2 if metric != "si_sdr_db" else 1
            cells += [f"{getattr(summary.means[signal], metric):.{digits}f}" for signal in self.signals]
        return cells


def score_items(items: Iterable[Item], enhance: Enhance, jobs: int = 1) -> QualityReport:
    """Enhance recordings and score them beside their noisy versions.

    Args:
        items: the recordings; read lazily, so they need not fit in memory together.
        enhance: float32 ``[samples]`` in, float32 ``[samples]`` out at 16 kHz, aligned with its input.
        jobs: 1 scores in this process, 2 in two worker processes. A script that asks for 2 must be importable
            (``if __name__ == "__main__"``).

    Returns:
        A report with the signals ``noisy`` and ``enhanced``.

    Raises:
        InputError: an output differs in length from its input or holds NaN or infinity.
        ValueError: ``jobs`` is not 1 or 2.
    """
    return score_outputs(((item, {"enhanced": enhance(item.noisy)}) for item in items), jobs)


def score_outputs(outputs: Iterable[tuple[Item, Outputs]], jobs: int = 1) -> QualityReport:
    """Score recordings that are enhanced already, in one or in several ways; see `score_items`.

    Args:
        outputs: each recording with its outputs by name; the same names for every recording.
        jobs: as in `score_items`.
    """
    if not 1 <= jobs <= MAX_JOBS:
        raise ValueError(f"jobs must be between 1 and {MAX_JOBS}, not {jobs}")
    return QualityReport(tuple(map_in_order(_score_item, outputs, jobs)))


def _score_item(item: Item, waves: Outputs) -> ItemScores:
    scores = {name: score(item.clean, wave) for name, wave in {"noisy": item.noisy, **waves}.items()}
    return ItemScores(item.id, item.condition, item.snr_db, item.kind, scores)


def _mean(scores: list[Scores]) -> Scores:
    return Scores(
        **{
            metric: fmean(getattr(entry, metric) for entry in scores) if scores else math.nan
            for metric in METRICS
        }
    )

"""Means of results in groups: by data set, condition and signal-to-noise ratio; what a video brings.

No recording is lost on the way: one that has fewer signals than the others is in a group of its own, and one
without a defined score is counted beside those that are in the mean.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from ..output import format_number, write_csv
from ..systems.ours import VIDEOS, video_signal
from .results import Record, Results, signals_of

#: Conditions in which something disturbs the speech: a headline number is their mean.
DISTURBED = ("noise", "babble", "talker")

#: Ratios are counted by the nearest of these steps, so that a list with any ratios has a breakdown, too.
SNR_STEP_DB = 5

#: 97.5 % of a normal distribution lie below so many standard deviations.
Z_95 = 1.96

#: The score that tells what a video brings.
VIDEO_METRIC = "si_sdr_db"


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
    """Recordings that belong together and have the same signals.

    Attributes:
        dataset, label: its names.
        snr_db: their ratio, infinite where nothing disturbs and NaN where it is not known; None for a
            group of all ratios.
        items: the recordings.
    """

    dataset: str
    label: str
    snr_db: float | None
    items: Sequence[Record]

    @property
    def title(self) -> str:
        """The label and the ratio."""
        if self.snr_db is None:
            return self.label
        if math.isnan(self.snr_db):
            return f"{self.label}, SNR unknown"
        return f"{self.label} {self.snr_db:g} dB"

    @property
    def signals(self) -> list[str]:
        """The signals of its recordings, noisy first."""
        return signals_of(self.items)

    def is_scored(self, signal: str, metric: str) -> bool:
        """Whether any recording has this score of this signal, defined or not."""
        return any(metric in item.scores.get(signal, ()) for item in self.items)

    def counts(self, signals: Sequence[str], metrics: Sequence[str]) -> str:
        """How many recordings are in the means of these: ``54``, ``53 of 54``, ``52 to 53 of 54``."""
        found = {
            self.mean(signal, metric).count
            for signal in signals
            for metric in metrics
            if self.is_scored(signal, metric)
        } or {0}
        low, high = min(found), max(found)
        of_all = f" of {len(self.items)}" if low < len(self.items) else ""
        return f"{f'{low} to ' if low < high else ''}{high}{of_all}"

    def mean(self, signal: str, metric: str) -> Mean:
        """The mean of a score of a signal; without values where the signal was not scored so.

        All signals that were are compared on the same recordings, those in which each of them has the score;
        the others are left out and told by `counts`.
        """
        scored = [name for name in self.signals if self.is_scored(name, metric)]
        if signal not in scored:
            return Mean.of([])
        rows = [[item.scores.get(name, {}).get(metric, math.nan) for name in scored] for item in self.items]
        place = scored.index(signal)
        return Mean.of([row[place] for row in rows if all(map(math.isfinite, row))])


def groups_by_condition(results: Results, ratios: bool = False) -> list[Group]:
    """Groups for each data set and condition, for each kind, and for all that is disturbed together.

    Args:
        ratios: whether the ratios of a condition stand before it, where there are several.
    """
    groups = []
    by_snr = groups_by_snr(results) if ratios else []
    for dataset, items in _by_dataset(results):
        conditions = list(dict.fromkeys(item.condition for item in items))
        for condition in conditions:
            of_condition = [item for item in items if item.condition == condition]
            if len({item.snr_db for item in of_condition}) > 1:
                groups += [g for g in by_snr if (g.dataset, g.items[0].condition) == (dataset, condition)]
            groups += _by_signals(dataset, condition, None, of_condition)
        for kind in dict.fromkeys(item.kind for item in items if item.kind):
            groups += _by_signals(dataset, kind, None, [item for item in items if item.kind == kind])
        disturbed = [condition for condition in DISTURBED if condition in conditions]
        if len(disturbed) > 1:
            mixed = [item for item in items if item.condition in disturbed]
            groups += _by_signals(dataset, " + ".join(disturbed), None, mixed)
    return groups


def groups_by_snr(results: Results) -> list[Group]:
    """Groups for each data set, condition and ratio, in steps of `SNR_STEP_DB`.

    A condition of which no ratio is known has none; where some are known, the others are a group as well.
    """
    groups = []
    for dataset, items in _by_dataset(results):
        for condition in dict.fromkeys(item.condition for item in items):
            by_ratio: dict[str, list[Record]] = {}
            for item in items:
                if item.condition == condition:
                    by_ratio.setdefault(str(_step(item.snr_db)), []).append(item)
            ratios = sorted(map(float, by_ratio), key=lambda ratio: (not math.isfinite(ratio), ratio))
            if math.isfinite(ratios[0]):
                for ratio in ratios:
                    groups += _by_signals(dataset, condition, ratio, by_ratio[str(ratio)])
    return groups


def disturbed_group(results: Results) -> Group:
    """All recordings in which something disturbs the speech, whatever signals they have."""
    return Group("", "disturbed", None, [item for item in results.items if item.condition in DISTURBED])


def save_by_snr_csv(path: Path, results: Results) -> None:
    """Write the mean of each score of each signal for each data set, condition and ratio, one a row.

    ``recordings`` are in the group, ``count`` of them in the mean, which is empty where none is.

    Raises:
        InputError: the file cannot be written.
    """
    columns = [
        "dataset",
        "condition",
        "snr_db",
        "signal",
        "metric",
        "recordings",
        "count",
        "mean",
        "std",
        "ci95",
    ]
    rows: list[list[object]] = []
    for group in groups_by_snr(results):
        for signal in group.signals:
            for metric in results.metrics:
                if group.is_scored(signal, metric):
                    mean = group.mean(signal, metric)
                    numbers = [format_number(value) for value in (mean.value, mean.std, mean.ci95)]
                    place = [group.dataset, group.label, group.snr_db, signal, metric]
                    rows.append([*place, len(group.items), mean.count, *numbers])
    write_csv(path, columns, rows)


@dataclass(frozen=True)
class VideoEffect:
    """SI-SDR with a video against the same system audio-only, over a group of recordings.

    Attributes:
        system, group: which system on which recordings.
        audio_only: SI-SDR in dB audio-only.
        change: by kind of video, the change of SI-SDR in dB.
        alpha: by kind of video, the mean confidence in it.
        recordings: of the group; those in which a signal has no SI-SDR are in no mean.
    """

    system: str
    group: str
    audio_only: Mean
    change: Mapping[str, Mean]
    alpha: Mapping[str, Mean]
    recordings: int


def video_effects(results: Results) -> list[VideoEffect]:
    """The effect of each kind of video: for each condition, each kind of speaker in it, and all together."""
    effects = []
    for system in results.signals:
        kinds = [kind for kind in VIDEOS if video_signal(system, kind) in results.signals]
        shown = [item for item in results.items if kinds and _is_shown(item, system, kinds)]
        for label, group in _video_groups(shown):
            items = [item for item in group if _is_scored(item, system, kinds)]
            effects.append(
                VideoEffect(
                    system,
                    label,
                    Mean.of([item.scores[system][VIDEO_METRIC] for item in items]),
                    {kind: Mean.of([_change(item, system, kind) for item in items]) for kind in kinds},
                    {kind: _mean_alpha(results, items, video_signal(system, kind)) for kind in kinds},
                    len(group),
                )
            )
    return effects


def _step(snr_db: float) -> float:
    return float(SNR_STEP_DB * round(snr_db / SNR_STEP_DB)) if math.isfinite(snr_db) else snr_db


def _by_dataset(results: Results) -> Iterator[tuple[str, list[Record]]]:
    for dataset in dict.fromkeys(item.dataset for item in results.items):
        yield dataset, [item for item in results.items if item.dataset == dataset]


def _by_signals(dataset: str, label: str, snr_db: float | None, items: Sequence[Record]) -> list[Group]:
    """One group, or several where not all recordings have the same signals: those with the most first."""
    by_signals: dict[frozenset[str], list[Record]] = {}
    for item in items:
        by_signals.setdefault(frozenset(item.scores), []).append(item)
    groups = []
    for names, part in sorted(by_signals.items(), key=lambda entry: -len(entry[0])):
        missing = [name for name in signals_of(items) if name not in names]
        if not missing:
            lacking = ""
        elif all(name.endswith("video") for name in missing):
            lacking = ", without video"
        else:
            lacking = f", without {', '.join(missing)}"
        groups.append(Group(dataset, f"{label}{lacking}", snr_db, part))
    return groups


def _video_groups(items: Sequence[Record]) -> Iterator[tuple[str, list[Record]]]:
    for condition in dict.fromkeys(item.condition for item in items):
        of_condition = [item for item in items if item.condition == condition]
        yield condition, of_condition
        for kind in dict.fromkeys(item.kind for item in of_condition if item.kind):
            yield f"{condition}, {kind}", [item for item in of_condition if item.kind == kind]
    if items:
        yield "all", list(items)


def _is_shown(item: Record, system: str, kinds: Sequence[str]) -> bool:
    """Whether it has a video of every kind: the others are not compared, as they show none."""
    return all(video_signal(system, kind) in item.scores for kind in kinds)


def _is_scored(item: Record, system: str, kinds: Sequence[str]) -> bool:
    signals = [system, *(video_signal(system, kind) for kind in kinds)]
    return all(math.isfinite(item.scores.get(signal, {}).get(VIDEO_METRIC, math.nan)) for signal in signals)


def _change(item: Record, system: str, kind: str) -> float:
    return item.scores[video_signal(system, kind)][VIDEO_METRIC] - item.scores[system][VIDEO_METRIC]


def _mean_alpha(results: Results, items: Sequence[Record], signal: str) -> Mean:
    wanted = {item.key for item in items}
    traces = [
        trace for trace in results.alpha if trace.signal == signal and (trace.dataset, trace.id) in wanted
    ]
    return Mean.of([fmean(trace.values) for trace in traces if trace.values])

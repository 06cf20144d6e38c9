"""Results of an evaluation: the scores of every recording, as JSON and as CSV."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .report import format_number, write_csv, write_json
from .scoring import METRICS

#: The signal that systems are held against, in every file of results.
NOISY = "noisy"

Scores = Mapping[str, float]


@dataclass(frozen=True)
class Record:
    """The scores of one recording.

    Attributes:
        id: unique within its data set.
        condition: what disturbs the speech.
        snr_db: level of the speech over the disturbance; infinite where there is none, NaN where unknown.
        kind: what else sets it apart, such as whether the speaker was seen in training.
        speaker, dataset: their names, empty where unknown.
        scores: for each signal its scores by the names of `METRICS`; NaN where one is not defined.
    """

    id: str
    condition: str
    snr_db: float
    scores: Mapping[str, Scores]
    kind: str = ""
    speaker: str = ""
    dataset: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from every other recording."""
        return self.dataset, self.id


@dataclass(frozen=True)
class AlphaTrace:
    """Confidence in the video over a recording: ``values`` every ``step_s`` seconds, for one signal."""

    dataset: str
    id: str
    signal: str
    step_s: float
    values: Sequence[float]


@dataclass(frozen=True)
class Example:
    """A recording to be heard and seen: the audio file of each of its signals, ``clean`` among them."""

    dataset: str
    id: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class Results:
    """What a file of results holds.

    Attributes:
        machine: fingerprint of the machine, as `lipstream.bench.machine.Machine`.
        settings: what was evaluated, and how.
        items: one for each recording.
        alpha: traces of the recordings with video.
        complexity: one row for each system that is a model, as `lipstream.bench.variants.Variant`.
        examples: some of the recordings, their paths relative to the file of results until it is loaded.
    """

    machine: Mapping[str, Any]
    settings: Mapping[str, Any]
    items: Sequence[Record]
    alpha: Sequence[AlphaTrace] = ()
    complexity: Sequence[Mapping[str, Any]] = ()
    examples: Sequence[Example] = ()

    @property
    def signals(self) -> list[str]:
        """The names of all signals, noisy first."""
        names = dict.fromkeys(name for item in self.items for name in item.scores)
        return sorted(names, key=lambda name: name != NOISY)

    @property
    def metrics(self) -> list[str]:
        """The names of all scores, in the order of `METRICS`."""
        found = {name for item in self.items for scores in item.scores.values() for name in scores}
        return [name for name in METRICS if name in found]


def record_of(row: Mapping[str, Any]) -> Record:
    """A record from its JSON, where numbers that are not finite are null.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    snr = row["snr_db"]
    undisturbed = math.inf if row["condition"] == "clean" else math.nan
    return Record(
        id=str(row["id"]),
        condition=str(row["condition"]),
        snr_db=undisturbed if snr is None else float(snr),
        scores={
            signal: {name: math.nan if value is None else float(value) for name, value in scores.items()}
            for signal, scores in row["scores"].items()
        },
        kind=row.get("kind", ""),
        speaker=row.get("speaker", ""),
        dataset=row.get("dataset", ""),
    )


def save_results(path: Path, results: Results) -> None:
    """Write results as JSON, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    write_json(path, results)


def save_scores_csv(path: Path, results: Results) -> None:
    """Write one row for each recording and signal, with a column for each score; empty where not defined."""
    metrics = results.metrics
    header = ["dataset", "id", "condition", "snr_db", "speaker", "kind", "signal", *metrics]
    rows: list[list[object]] = [
        [item.dataset, item.id, item.condition, item.snr_db, item.speaker, item.kind, signal]
        + [format_number(scores.get(name, math.nan)) for name in metrics]
        for item in results.items
        for signal, scores in item.scores.items()
    ]
    write_csv(path, header, rows)

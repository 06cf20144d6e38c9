"""Results of an evaluation: the scores of every recording, written as JSON and as CSV, read and merged."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from ...errors import InputError
from ..data.recordings import NOISY
from ..metrics import METRICS
from ..output import format_number, plain, write_csv, write_json
from ..speed.cost import Cost

#: Of the format; files without a number are of version 1, whose costs were called complexity.
VERSION = 2

Scores = Mapping[str, float]
Kept = TypeVar("Kept")


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
        costs: one for each system of which it was measured, by the name of the system.
        examples: some of the recordings, their paths relative to the file of results until it is loaded.
        notes: what was left out and why, one line each.
    """

    machine: Mapping[str, Any]
    settings: Mapping[str, Any]
    items: Sequence[Record]
    alpha: Sequence[AlphaTrace] = ()
    costs: Sequence[Cost] = ()
    examples: Sequence[Example] = ()
    notes: Sequence[str] = ()

    @property
    def signals(self) -> list[str]:
        """The names of all signals, noisy first."""
        return signals_of(self.items)

    @property
    def metrics(self) -> list[str]:
        """The names of all scores, in the order of `METRICS`."""
        found = {name for item in self.items for scores in item.scores.values() for name in scores}
        return [name for name in METRICS if name in found]


def signals_of(items: Sequence[Record]) -> list[str]:
    """The signals that at least one of the recordings has, noisy first."""
    names = dict.fromkeys(name for item in items for name in item.scores)
    return sorted(names, key=lambda name: name != NOISY)


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
    """Write results as JSON with the `VERSION` of the format, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    write_json(path, {"version": VERSION, **plain(results)})


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


def load_results(path: Path) -> Results:
    """Read a file of results, of this version or an earlier one.

    Raises:
        InputError: the file cannot be read, holds no results or those of a later version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = int(content.get("version", 1))
        if version > VERSION:
            raise InputError(f"'{path}' is of version {version}, beyond {VERSION}: use a newer lipstream")
        # Files of `bench quality` of version 1 name their one set at the top.
        dataset = str(content.get("set", ""))
        return Results(
            machine=content.get("machine", {}),
            settings=content.get("settings") or {k: v for k, v in content.items() if isinstance(v, str)},
            items=[record_of({"dataset": dataset, **row}) for row in content["items"]],
            alpha=[AlphaTrace(**trace) for trace in content.get("alpha", ())],
            costs=[_cost(row) for row in content.get("costs", content.get("complexity", ()))],
            examples=[_example(entry, path.parent) for entry in content.get("examples", ())],
            notes=content.get("notes", ()),
        )
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror}") from error
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"'{path}' holds no results: give a JSON file that lipstream evaluate or bench wrote"
        ) from error


def merge_results(files: Mapping[str, Results]) -> Results:
    """Results of several files as one, each recording with the signals of all of them.

    Args:
        files: results by a short name; a signal that two files share gets the name of the later one in front.

    Returns:
        Machine and settings are those of the first.

    Raises:
        InputError: there are no files, or a recording is not the same in two of them.
    """
    if not files:
        raise InputError("no files of results were given: name at least one")
    merged: dict[tuple[str, str], Record] = {}
    examples: dict[tuple[str, str], Example] = {}
    taken: set[str] = set()
    alpha: list[AlphaTrace] = []
    costs: list[Cost] = []
    notes: list[str] = []
    for file, results in files.items():
        names = {
            signal: f"{file}: {signal}" if signal in taken and signal != NOISY else signal
            for signal in results.signals
        }
        taken |= set(names.values())
        for item in results.items:
            known = merged.setdefault(item.key, replace(item, scores={}))
            if (known.condition, str(known.snr_db)) != (item.condition, str(item.snr_db)):
                raise InputError(f"recording '{item.id}' differs between the files: their test sets differ")
            new = {names[signal]: scores for signal, scores in item.scores.items()}
            merged[item.key] = replace(known, scores=_joined(known.scores, new))
        for example in results.examples:
            renamed = {names.get(signal, signal): path for signal, path in example.files.items()}
            heard = examples.get((example.dataset, example.id), example)
            examples[example.dataset, example.id] = replace(heard, files=_joined(heard.files, renamed))
        alpha += [replace(trace, signal=names.get(trace.signal, trace.signal)) for trace in results.alpha]
        costs += [replace(cost, name=names.get(cost.name, cost.name)) for cost in results.costs]
        notes += [note for note in results.notes if note not in notes]
    first = next(iter(files.values()))
    items, kept = list(merged.values()), list(examples.values())
    return Results(first.machine, first.settings, items, alpha, costs, kept, notes)


def _joined(first: Mapping[str, Kept], later: Mapping[str, Kept]) -> dict[str, Kept]:
    """Both in order; what both have is that of the first."""
    return {**first, **{name: value for name, value in later.items() if name not in first}}


def _cost(row: Mapping[str, Any]) -> Cost:
    """A cost from its JSON; those of version 1 had no name of their own."""
    return Cost(**{"name": f"{row.get('model')} {row.get('runtime')}", **row})


def _example(entry: Mapping[str, Any], folder: Path) -> Example:
    files = {signal: str(folder / file) for signal, file in entry["files"].items()}
    return Example(entry["dataset"], entry["id"], files)

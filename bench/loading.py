"""Files of results, read and put together: of ``lipstream evaluate`` and ``lipstream bench``."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InputError
from .records import NOISY, AlphaTrace, Example, Record, Results, record_of

Kept = TypeVar("Kept")


def load_results(path: Path) -> Results:
    """Read a file of results.

    Raises:
        InputError: the file cannot be read or holds no results.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        dataset = str(content.get("set", ""))
        records: dict[tuple[str, str], Record] = {}
        for row in _rows(content):
            record = record_of({"dataset": dataset, **row})
            known = records.setdefault(record.key, record)
            records[record.key] = replace(known, scores=_joined(known.scores, record.scores))
        return Results(
            machine=content.get("machine", {}),
            # Files of the bench keep what was measured beside the items.
            settings=content.get("settings") or {k: v for k, v in content.items() if isinstance(v, str)},
            items=list(records.values()),
            alpha=[AlphaTrace(**trace) for trace in content.get("alpha", ())],
            complexity=content.get("complexity", ()),
            examples=[_example(entry, path.parent) for entry in content.get("examples", ())],
        )
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror}") from error
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
    complexity: list[Mapping[str, Any]] = []
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
        complexity += results.complexity
    first = next(iter(files.values()))
    items, kept = list(merged.values()), list(examples.values())
    return Results(first.machine, first.settings, items, alpha, complexity, kept)


def _joined(first: Mapping[str, Kept], later: Mapping[str, Kept]) -> dict[str, Kept]:
    """Both in order; what both have is that of the first."""
    return {**first, **{name: value for name, value in later.items() if name not in first}}


def _rows(content: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The items of a file, of any kind; those of each peer with its name in place of ``enhanced``."""
    if "report" not in content:
        yield from content["items"]
        return
    for peer in content["report"]["measured"]:
        for item in peer["quality"]["items"]:
            scores = {
                peer["name"] if name == "enhanced" else name: row for name, row in item["scores"].items()
            }
            yield {**item, "scores": scores}


def _example(entry: Mapping[str, Any], folder: Path) -> Example:
    files = {signal: str(folder / file) for signal, file in entry["files"].items()}
    return Example(entry["dataset"], entry["id"], files)

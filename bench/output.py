"""How measurements leave the bench: a table for people, JSON and CSV for programs."""

import csv
import dataclasses
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from ..core.storage import written_whole
from ..errors import InputError


def format_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a plain-text table: the first column to the left, the others to the right.

    Args:
        headers: one heading for each column; a line break makes it two lines high.
        rows: the cells, as many in each row as there are headings.
    """
    split = [header.split("\n") for header in headers]
    height = max(len(lines) for lines in split)
    padded = [[""] * (height - len(lines)) + lines for lines in split]
    heading = [[lines[level] for lines in padded] for level in range(height)]
    widths = [max(len(row[column]) for row in [*heading, *rows]) for column in range(len(headers))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = zip(cells, widths, strict=True)
        return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([*map(line, heading), rule, *map(line, rows)])


def format_count(value: float) -> str:
    """A large number with three digits and the thousand that fits: 362 k, 1.25 M, 2 G."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g}"


def format_number(value: float) -> str:
    """A number for a CSV file; empty where it is not finite."""
    return f"{value:.6g}" if math.isfinite(value) else ""


def check_writable(path: Path) -> None:
    """Find out before a long measurement whether its report can be written.

    Raises:
        InputError: the folder does not exist or takes no files, or the path is a folder.
    """
    if path.is_dir():
        raise InputError(f"'{path}' is a folder: name a file for the JSON report")
    if not path.parent.is_dir():
        raise InputError(f"the folder '{path.parent}' for the JSON report does not exist: create it first")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"the folder '{path.parent}' takes no files: choose another one for the JSON report")


def write_json(path: Path, payload: Any) -> None:
    """Write a report whole or not at all: dataclasses as objects, NaN and infinity as null.

    Raises:
        InputError: the file cannot be written.
    """
    write_text(path, json.dumps(plain(payload), indent=2, allow_nan=False) + "\n")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    check_writable(path)
    try:
        with written_whole(path) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error.strerror}; choose another place") from error


def plain(value: Any) -> Any:
    """The same value in JSON's own types."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

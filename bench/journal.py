"""What a long evaluation has finished so far, on disk: an interrupted one goes on where it stopped."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from .records import AlphaTrace, Example, Record, record_of
from .report import plain, write_text

#: The file in the folder of the run: its settings, then one finished recording a line.
UNFINISHED = "unfinished.jsonl"


@dataclass(frozen=True)
class Outcome:
    """Everything that is kept of one recording."""

    record: Record
    alpha: Sequence[AlphaTrace] = ()
    example: Example | None = None


class Journal:
    """The finished recordings of a run; each is on disk as soon as it is added.

    Args:
        folder: of the run, made if need be; empty, or with an unfinished run of the same settings.
        settings: what makes the run what it is.

    Attributes:
        outcomes: all finished recordings, those of an earlier start first.

    Raises:
        InputError: the folder holds something else, or cannot be written.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self._path = folder / UNFINISHED
        header = json.dumps(plain(settings))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            in_use = any(folder.iterdir())
        except OSError as error:
            raise InputError(f"'{folder}' cannot be the folder of a run: {error.strerror}") from error
        if in_use and not self._path.is_file():
            raise InputError(f"'{folder}' is in use: name another folder with --out-dir, or empty this one")
        lines = self._path.read_text(encoding="utf-8").splitlines() if in_use else [header]
        if lines[:1] != [header]:
            raise InputError(f"'{folder}' holds an unfinished run of other settings: name another folder")
        self.outcomes = list(_readable(lines[1:]))
        # A line that was cut off when the run was killed goes.
        write_text(self._path, "\n".join(lines[: 1 + len(self.outcomes)]) + "\n")

    def add(self, outcome: Outcome) -> None:
        """Take a finished recording."""
        with self._path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(plain(outcome)) + "\n")
        self.outcomes.append(outcome)

    def remove(self) -> None:
        """The run is finished: what it made lies elsewhere."""
        self._path.unlink()


def _readable(lines: Sequence[str]) -> Iterator[Outcome]:
    for line in lines:
        try:
            content = json.loads(line)
        except ValueError:
            return
        example = content["example"]
        yield Outcome(
            record_of(content["record"]),
            [AlphaTrace(**trace) for trace in content["alpha"]],
            Example(**example) if example else None,
        )

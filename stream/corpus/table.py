"""The manifest of a corpus: a row for each recording, which grows while they are made.

It is the memory of a run as well: what has a row without an error is done. So it is one file of the machine
that runs the command, appended to row by row, and held by one run at a time.
"""

import csv
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from ...core.console import printable
from ...core.extras import needs_extra
from ...core.storage import make_folder, written_whole
from ...errors import InputError
from .cleaner import Row

#: Columns of a judge stand where `Row.scores` does.
_SCORES = "scores"
_PARQUET = ".parquet"
_NUMBERS = {"duration_s", "rtf", "input_dbfs", "output_dbfs", "face_share", "atten_limit_db"}
_WHOLE = {"sample_rate", "channels"}
_FIXED = [field.name for field in fields(Row) if field.name != _SCORES]


class Manifest:
    """The manifest in the making; a context manager.

    Args:
        path: a ``.csv``; or a ``.parquet``, which is written at the end, of a ``.csv`` beside it that grows.

    Attributes:
        rows: by the names of their files, those of earlier runs included.

    Raises:
        InputError: another ending, or a file that is no manifest.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix not in (".csv", _PARQUET):
            raise InputError(f"--manifest {path}: name a .csv or a .parquet")
        if path.suffix == _PARQUET:
            _need_pyarrow()
        self.path = path
        self._growing = path.with_suffix(".csv")
        self._file: TextIO | None = None
        self.rows = {row.file: row for row in self._read()}

    def _read(self) -> list[Row]:
        """The rows of before; a crash may have cut the last one short."""
        try:
            with self._opened("r") as file:
                reader = csv.DictReader(file)
                if not set(_FIXED) <= set(reader.fieldnames or _FIXED):
                    raise InputError(
                        f"{self._growing} is no manifest of 'lipstream corpus': name another --manifest"
                    )
                return [_row(cells) for cells in reader if None not in cells and None not in cells.values()]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, csv.Error) as error:
            raise InputError(f"{self._growing} cannot be read ({error}): name another --manifest") from error

    def _opened(self, mode: str, path: Path | None = None) -> TextIO:
        return open(path or self._growing, mode, encoding="utf-8", errors="surrogateescape", newline="")  # type: ignore[return-value]

    def begin(self, score_names: Iterable[str]) -> None:
        """Write the header and the rows of before; only then are rows added.

        Args:
            score_names: columns of the judge.

        Raises:
            InputError: another run writes it, or it cannot be written.
        """
        known = {name for row in self.rows.values() for name in row.scores or ()}
        self._names = [*_FIXED, *sorted(known | set(score_names))]
        make_folder(self._growing.parent)
        self._claim()
        with written_whole(self._growing) as partial, self._opened("w", partial) as file:
            writer = csv.DictWriter(file, self._names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(map(_values, self.rows.values()))
        self._claim()  # it is another file now

    def _claim(self) -> None:
        """Open the growing file to append to it, for this run alone."""
        self.close()
        try:
            self._file = self._opened("a")
        except OSError as error:
            raise InputError(f"{self._growing} cannot be written ({error.strerror})") from error
        _hold(self._file.fileno(), self._growing)

    def add(self, row: Row) -> None:
        """One more recording is done; its row is with the operating system when this returns."""
        assert self._file is not None, "begin first"
        self.rows[row.file] = row
        csv.DictWriter(self._file, self._names, lineterminator="\n").writerow(_values(row))
        self._file.flush()

    def finish(self) -> None:
        """Put the rows in the order of their names, each once; write the Parquet file, if it is one."""
        self.rows = dict(sorted(self.rows.items()))
        self.begin(())
        if self.path.suffix == _PARQUET:
            _write_parquet(self.path, self._names, map(_values, self.rows.values()))

    def close(self) -> None:
        """Let others write it; idempotent."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _hold(descriptor: int, path: Path) -> None:
    """Keep others from writing the same manifest, until the file is closed or the process dies."""
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise InputError(f"{path} is being written by another run: wait for it, or end it") from error


def _values(row: Row) -> dict[str, Any]:
    """The cells of a row; what is not known is None."""
    values = asdict(row)
    return values | dict(values.pop(_SCORES) or {})


def _row(cells: Mapping[str, str]) -> Row:
    """A row of its cells."""
    values: dict[str, Any] = {name: _value(name, cells[name]) for name in _FIXED}
    scores = {name: float(cell) for name, cell in cells.items() if name not in _FIXED and cell}
    return Row(**values, scores=scores or None)


def _value(name: str, cell: str) -> Any:
    if name in _WHOLE:
        return int(cell) if cell else None
    if name in _NUMBERS:
        return float(cell) if cell else None
    return cell


def _need_pyarrow() -> None:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise needs_extra("a manifest as Parquet (a .csv needs nothing)", "ray", error) from error


def _write_parquet(path: Path, names: list[str], rows: Iterable[Mapping[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = {"file", "warnings", "error", "model", "runtime", "video", "source_version"}
    kinds = {name: pa.string() for name in texts} | dict.fromkeys(_WHOLE, pa.int64())
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in names])
    plain = [{name: _unicode(row.get(name)) for name in names} for row in rows]
    table = pa.Table.from_pylist(plain, schema)
    with written_whole(path) as partial:
        pq.write_table(table, partial)


def _unicode(cell: Any) -> Any:
    """Names of files may hold odd bytes; Parquet's strings may not."""
    return printable(cell) if isinstance(cell, str) else cell

"""The test sets of the data folder: noisy and clean pairs, some with a video of the speaker."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from ...errors import InputError
from ..metrics import SAMPLE_RATE
from .recordings import Float32, Item

#: The test sets by name: a csv file and a folder of recordings, `<name>.csv` and `<name>/`.
SETS = ("audio", "av")

_COLUMNS = {"id", "condition", "snr_db"}


class Entry(NamedTuple):
    """What the list of a test set says of a recording, see `Item`.

    ``stem`` is where its files begin, ``interference`` which noise or talker it is mixed with.
    """

    id: str
    condition: str
    snr_db: float
    kind: str
    speaker: str
    video: Path | None
    stem: Path
    interference: str


class RecordingSet:
    """A set of test recordings on disk: knows its size at once, reads them one by one when iterated.

    Args:
        name: one of `SETS`.
        data: the data folder; see `default_data_folder` for None.

    Attributes:
        entries: what the list says of each recording.

    Raises:
        InputError: the set is not there or its list cannot be read.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, name: str, data: Path | None = None) -> None:
        folder = default_data_folder() if data is None else data
        self.name = name
        table = folder / "test" / f"{name}.csv"
        if not table.is_file():
            raise InputError(
                f"no test set '{name}' in '{folder}': give the data folder with --data or in LIPSTREAM_DATA"
            )
        with table.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        missing = _COLUMNS - set(rows[0] if rows else ())
        if missing:
            raise InputError(f"'{table}' has no rows with the columns {', '.join(sorted(missing))}")
        self.entries = [
            _entry(row, folder / "test" / name, f"'{table}' line {line}") for line, row in enumerate(rows, 2)
        ]

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Item]:
        return map(read_entry, self.entries)

    @property
    def ids(self) -> list[str]:
        """The id of each recording, in order."""
        return [entry.id for entry in self.entries]

    @property
    def videos(self) -> list[tuple[str, Path]]:
        """Speaker and file of every video of the set."""
        found = {entry.video: entry.speaker for entry in self.entries if entry.video is not None}
        return [(speaker, path) for path, speaker in found.items()]


def read_entry(entry: Entry) -> Item:
    """Read the sound of a recording.

    Raises:
        InputError: a file cannot be read, or is not one channel at 16 kHz.
    """
    noisy, clean = (
        _read_wave(entry.stem.with_name(f"{entry.stem.name}.{k}.flac")) for k in ("noisy", "clean")
    )
    return Item(entry.id, entry.condition, entry.snr_db, noisy, clean, entry.kind, entry.video, entry.speaker)


def default_data_folder() -> Path:
    """The data folder named by LIPSTREAM_DATA, else ``shared/data`` beside the checkout."""
    beside_the_checkout = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("LIPSTREAM_DATA", beside_the_checkout))


def _entry(row: dict[str, str], folder: Path, where: str) -> Entry:
    video = folder / f"{row['id']}.mp4"
    filmed = video.is_file()
    # Several recordings belong to one video: their condition tells them apart.
    name = f"{row['id']}.{row['condition']}" if filmed else row["id"]
    try:
        snr_db = float(row["snr_db"])
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: snr_db '{row['snr_db']}' is no number of dB") from error
    return Entry(
        name,
        row["condition"],
        snr_db,
        row.get("kind") or "",
        row.get("speaker") or "",
        video if filmed else None,
        folder / name,
        row.get("interference") or "",
    )


def _read_wave(path: Path) -> Float32:
    try:
        wave, rate = soundfile.read(path, dtype="float32")
    except (OSError, soundfile.LibsndfileError) as error:
        raise InputError(f"cannot read the test recording '{path}': restore it from the data set") from error
    if rate != SAMPLE_RATE or wave.ndim != 1:
        raise InputError(f"'{path}' must be one channel at {SAMPLE_RATE} Hz, not {wave.ndim} at {rate} Hz")
    return np.asarray(wave, dtype=np.float32)

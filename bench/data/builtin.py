"""The recordings that quality is measured on: noisy and clean pairs, some with a video of the speaker."""

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from ...errors import InputError
from ..metrics.intrusive import SAMPLE_RATE

Float32 = npt.NDArray[np.float32]

#: The test sets by name: a csv file and a folder of recordings, `<name>.csv` and `<name>/`.
SETS = ("audio", "av")


@dataclass(frozen=True, eq=False)
class Item:
    """One recording to enhance and to score.

    Attributes:
        id: unique name.
        condition: what disturbs the speech: ``noise``, ``babble``, ``talker`` or ``clean``.
        snr_db: level of the speech over the disturbance; infinite where there is none.
        noisy: float32 ``[samples]`` at 16 kHz; empty where only its enhanced form is there to be scored.
        clean: the reference, float32 ``[samples]``, aligned with ``noisy``.
        kind: what else sets it apart, such as whether the speaker was seen in training.
        video: the video of the speaker, where there is one.
        speaker: who speaks, where that is known.
    """

    id: str
    condition: str
    snr_db: float
    noisy: Float32
    clean: Float32
    kind: str = ""
    video: Path | None = None
    speaker: str = ""


class RecordingSet:
    """A set of test recordings on disk: knows its size at once, reads them one by one when iterated.

    Args:
        name: one of `SETS`.
        data: the data folder; see `default_data_folder` for None.

    Raises:
        InputError: the set is not there or its list cannot be read.
    """

    def __init__(self, name: str, data: Path | None = None) -> None:
        folder = default_data_folder() if data is None else data
        self.name = name
        self._recordings = folder / "test" / name
        table = folder / "test" / f"{name}.csv"
        if not table.is_file():
            raise InputError(
                f"no test set '{name}' in '{folder}': give the data folder with --data or in LIPSTREAM_DATA"
            )
        with table.open(newline="", encoding="utf-8") as lines:
            self._rows = list(csv.DictReader(lines))
        missing = {"id", "condition", "snr_db"} - set(self._rows[0] if self._rows else ())
        if missing:
            raise InputError(f"'{table}' has no rows with the columns {', '.join(sorted(missing))}")

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Item]:
        return map(self._read, self._rows)

    @property
    def ids(self) -> list[str]:
        """The id of each recording, in order."""
        return [self._name(row) for row in self._rows]

    @property
    def videos(self) -> list[tuple[str, Path]]:
        """Speaker and file of every video of the set."""
        found = {self._video(row): row.get("speaker", "") for row in self._rows}
        return [(speaker, path) for path, speaker in found.items() if path.is_file()]

    def _read(self, row: dict[str, str]) -> Item:
        video, name = self._video(row), self._name(row)
        return Item(
            id=name,
            condition=row["condition"],
            snr_db=float(row["snr_db"]),
            noisy=_read_wave(self._recordings / f"{name}.noisy.flac"),
            clean=_read_wave(self._recordings / f"{name}.clean.flac"),
            kind=row.get("kind", ""),
            video=video if video.is_file() else None,
            speaker=row.get("speaker", ""),
        )

    def _video(self, row: dict[str, str]) -> Path:
        return self._recordings / f"{row['id']}.mp4"

    def _name(self, row: dict[str, str]) -> str:
        """Several recordings belong to one video: their condition tells them apart."""
        return f"{row['id']}.{row['condition']}" if self._video(row).is_file() else row["id"]


def default_data_folder() -> Path:
    """The data folder named by LIPSTREAM_DATA, else ``shared/data`` beside the checkout."""
    beside_the_checkout = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("LIPSTREAM_DATA", beside_the_checkout))


def _read_wave(path: Path) -> Float32:
    try:
        wave, rate = soundfile.read(path, dtype="float32")
    except (OSError, soundfile.LibsndfileError) as error:
        raise InputError(f"cannot read the test recording '{path}': restore it from the data set") from error
    if rate != SAMPLE_RATE or wave.ndim != 1:
        raise InputError(f"'{path}' must be one channel at {SAMPLE_RATE} Hz, not {wave.ndim} at {rate} Hz")
    return np.asarray(wave, dtype=np.float32)

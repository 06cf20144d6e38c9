"""Files of plain samples (WAV, AIFF, CAF, ...), read by libsndfile: exact, and quick to open."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
import soundfile

from ...core.arrays import Float32
from ...errors import InputError
from .layout import AudioLayout
from .riff import riff_map

#: Formats that FFmpeg reads better: it knows where something is missing in a damaged one.
_COMPRESSED = {"FLAC", "OGG", "MP3", "MPEG"}
#: How WAV, RF64, AIFF, AU, CAF and W64 start.
_PLAIN_STARTS = (b"RIFF", b"RIFX", b"RF64", b"FORM", b".snd", b"caff", b"riff")


class SequentialFile(soundfile.SoundFile):
    """A sound file that never seeks: soundfile seeks to where it is after each read."""

    def seekable(self) -> bool:
        return False


def starts_plain(path: Path) -> bool:
    """Whether a file starts as one of plain samples does.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return file.read(4) in _PLAIN_STARTS


def system_name(path: Path) -> str | bytes:
    """The name of a file for soundfile, which takes names that are no Unicode as bytes alone."""
    return str(path) if sys.platform == "win32" else os.fsencode(path)


class SndfileReader:
    """An open file of plain samples; a context manager.

    Args:
        path: of a file that is there.

    Raises:
        InputError: it is of another kind.
    """

    start_s = 0.0
    has_more = has_cover = has_attached = has_chapters = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        try:
            file = SequentialFile(system_name(path))
        # libsndfile wants to be told the rate of a headerless file: soundfile asks by a TypeError.
        except (soundfile.LibsndfileError, TypeError) as error:
            raise InputError(f"{path} cannot be read as plain samples") from error
        if file.format in _COMPRESSED:
            file.close()
            raise InputError(f"{path} holds no plain samples")
        self._file = file
        self._log = file.extra_info
        self._riff = riff_map(path) if file.format in ("WAV", "WAVEX") else None
        if self._riff is not None and self._riff.unfinished:
            file.close()
            raise InputError(f"{path} has no length")
        self.layout = AudioLayout(file.samplerate, file.channels, file.frames, file.format, file.subtype)

    @property
    def tags(self) -> dict[str, str]:
        """Title and the like, by FFmpeg's names."""
        names = ("title", "artist", "album", "date", "comment", "genre", "copyright")
        return {name: text for name in names if (text := getattr(self._file, name))}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What of the sound did not come, one line each; known when all blocks are read."""
        rate = self.layout.sample_rate
        promised = max(self.layout.frames, round(self._at * self._promised_share()))
        if promised <= self._at + max(1, 0.001 * self._at):
            return ()
        return (
            f"cut off: it ends at {self._at / rate:.2f} s of the {promised / rate:.2f} s that it promises",
        )

    def _promised_share(self) -> float:
        """How many times as long as it is the file says to be."""
        if self._riff is not None:
            return 1 + self._riff.missing_bytes / max(1, self._riff.data_there)
        # libsndfile's own log: "Data Size   : 96000 (should be 57590)"
        found = re.search(r": (\d+) \(should be (\d+)\)", self._log)
        return int(found[1]) / max(1, int(found[2])) if found else 1.0

    def blocks(self, frames: int) -> Iterator[Float32]:
        """The file from here on in blocks, float32 ``[frames, channels]``, the last one shorter.

        Raises:
            InputError: a damaged file, no samples at all, NaN or infinity.
        """
        while len(block := self._read(frames)):
            self._at += len(block)
            yield block
        if self._at == 0:
            raise InputError(f"{self._path} holds no samples: record or export it again")

    def _read(self, frames: int) -> Float32:
        """The next block; empty at the end."""
        rate = self.layout.sample_rate
        try:
            block: Float32 = self._file.read(frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise InputError(
                f"{self._path} is damaged at {self._at / rate:.2f} s ({error.error_string}): "
                "repair or re-encode it"
            ) from error
        bad = np.flatnonzero(~np.isfinite(block).all(axis=1))
        if len(bad):
            raise InputError(
                f"{self._path} holds NaN or infinity at {(self._at + bad[0]) / rate:.2f} s: "
                "replace these samples, or export it again as 16-bit or 24-bit PCM"
            )
        return block

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

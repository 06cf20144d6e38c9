"""Audio files read and written block by block, so that memory does not grow with their length.

What goes wrong is told before any output appears: an output is written beside its place and moved there
when it is complete.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import soundfile

from ..core.arrays import Float32
from ..core.storage import partial_path
from ..errors import InputError

_CONTAINERS = {
    ".wav": "WAV",
    ".flac": "FLAC",
    ".ogg": "OGG",
    ".oga": "OGG",
    ".opus": "OGG",
    ".mp3": "MP3",
    ".aif": "AIFF",
    ".aiff": "AIFF",
    ".au": "AU",
    ".caf": "CAF",
    ".w64": "W64",
    ".rf64": "RF64",
}
#: The formats that error messages name.
FORMATS = "WAV, FLAC, OGG Vorbis, Opus, MP3"
_FINE_SUBTYPES = ("PCM_24", "PCM_32", "FLOAT", "DOUBLE")


def choose_format(output: Path, source: Path, source_format: str, source_subtype: str) -> tuple[str, str]:
    """The libsndfile format and subtype for an output.

    With the extension of its source it gets the format of its source; with another one that names a format,
    that format, at the source's resolution where it can hold it.

    Raises:
        InputError: an extension that names no format that can be written.
    """
    extension = output.suffix.lower()
    if extension == source.suffix.lower() and soundfile.check_format(source_format, source_subtype):
        return source_format, source_subtype
    container = _CONTAINERS.get(extension)
    if container is None or container not in soundfile.available_formats():
        raise InputError(
            f"{output}: the extension {extension!r} names no format that can be written ({FORMATS}): "
            "choose an output such as NAME.wav or NAME.flac"
        )
    if extension == ".opus":
        return container, "OPUS"
    # Only plain samples move to another container: an MP3 should become a plain WAV, not MP3 inside WAV.
    plain = source_subtype.startswith("PCM_") or source_subtype in ("FLOAT", "DOUBLE")
    if plain and soundfile.check_format(container, source_subtype):
        return container, source_subtype
    if source_subtype in _FINE_SUBTYPES and soundfile.check_format(container, "PCM_24"):
        return container, "PCM_24"
    return container, str(soundfile.default_subtype(container))


@dataclass(frozen=True)
class AudioLayout:
    """What an audio file says of itself.

    Attributes:
        sample_rate: in Hz.
        channels: number of channels.
        frames: samples of each channel.
        format: libsndfile's name of the container, e.g. ``WAV``.
        subtype: libsndfile's name of the sample format, e.g. ``PCM_16``.
    """

    sample_rate: int
    channels: int
    frames: int
    format: str
    subtype: str

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate


class _SequentialFile(soundfile.SoundFile):
    """A sound file that never seeks.

    soundfile seeks to where it is after each read of a file that it can seek in. There an MP3 decoder loses
    the bits that a frame borrows from the frames before it: a click at each border of two blocks.
    """

    def seekable(self) -> bool:
        return False


class AudioReader:
    """An open audio file; a context manager.

    Args:
        path: any file that libsndfile reads.

    Raises:
        InputError: no such file, no permission, or not audio.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _opened(path)
        file = self._file
        self.layout = AudioLayout(file.samplerate, file.channels, file.frames, file.format, file.subtype)

    def blocks(self, frames: int) -> Iterator[Float32]:
        """The file from here on in blocks, float32 ``[frames, channels]``, the last one shorter.

        Raises:
            InputError: a damaged file, no samples at all, NaN or infinity.
        """
        at = 0
        while len(block := self._read(frames, at)):
            at += len(block)
            yield block
        if at == 0:
            raise InputError(f"{self._path} holds no samples: record or export it again")

    def _read(self, frames: int, at: int) -> Float32:
        """The next block, which begins at this frame; empty at the end."""
        rate = self.layout.sample_rate
        try:
            block: Float32 = self._file.read(frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise InputError(
                f"{self._path} is damaged at {at / rate:.2f} s ({error.error_string}): repair or re-encode it"
            ) from error
        bad = np.flatnonzero(~np.isfinite(block).all(axis=1))
        if len(bad):
            raise InputError(
                f"{self._path} holds NaN or infinity at {(at + bad[0]) / rate:.2f} s: "
                "replace these samples, or export it again as 16-bit or 24-bit PCM"
            )
        return block

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def check_output(path: Path, sources: Iterable[Path]) -> None:
    """Refuse an output that cannot be, or must not be, written.

    Raises:
        InputError: it is one of its own sources (through links too), a folder, not a plain file,
            write-protected, or in a folder that is missing or write-protected.
    """
    if path.exists():
        for source in sources:
            if source.exists() and path.samefile(source):
                raise InputError(f"{path} is an input as well: choose another output")
        if path.is_dir():
            raise InputError(f"{path} is a folder: name a file in it")
        if not path.is_file():
            raise InputError(f"{path} is not a plain file: choose another output")
        if not os.access(path, os.W_OK):
            raise InputError(f"{path} is write-protected: choose another output")
    folder = _real(path).parent
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: create it, or choose another output")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"no permission to write into {folder}: choose another output")


class AudioWriter:
    """An audio file in the making; a context manager.

    The file appears at its place, whole, when the with-block ends well. If it ends with an error or Ctrl-C,
    whatever was there before is still there, and nothing else.

    Args:
        path: where to write.
        layout: rate, channels, format and subtype; its `frames` do not matter.

    Raises:
        InputError: the format cannot hold this rate or number of channels, or the disk refuses.
    """

    def __init__(self, path: Path, layout: AudioLayout) -> None:
        self._path = path
        self._target = _real(path)
        self._temporary = partial_path(path)
        self._layout = layout
        with self._failures_told():
            self._file = _SequentialFile(
                self._temporary,
                "w",
                layout.sample_rate,
                layout.channels,
                layout.subtype,
                format=layout.format,
            )

    def write(self, block: Float32) -> None:
        """Append samples, float32 ``[n, channels]``; a format of whole numbers clips them to [-1, 1]."""
        with self._failures_told():
            self._file.write(block)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        with self._failures_told():
            self._file.close()
            if kind is None:
                os.replace(self._temporary, self._target)
            else:
                self._temporary.unlink(missing_ok=True)

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        """What the disk or the format refuses becomes an InputError, and nothing of the file stays."""
        try:
            yield
        except (soundfile.LibsndfileError, OSError) as error:
            self._temporary.unlink(missing_ok=True)
            reason = error.error_string if isinstance(error, soundfile.LibsndfileError) else str(error)
            layout = self._layout
            raise InputError(
                f"{self._path} cannot be written as {layout.format} {layout.subtype} with {layout.channels} "
                f"channels at {layout.sample_rate} Hz ({reason.rstrip('.')}): "
                "make room on the disk or choose another output"
            ) from error


def _real(path: Path) -> Path:
    """The file itself: through a link, what it points to is replaced, not the link."""
    return Path(os.path.realpath(path))


def _opened(path: Path) -> soundfile.SoundFile:
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        raise InputError(f"{path} is a folder: name an audio file in it")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} cannot be read: no permission")
    if path.is_file() and path.stat().st_size == 0:
        raise InputError(f"{path} is empty: record or export it again")
    try:
        return _SequentialFile(path)
    # libsndfile wants to be told the rate of a headerless file, which soundfile asks for with a TypeError.
    except (soundfile.LibsndfileError, TypeError) as error:
        raise InputError(
            f"{path} is not audio that can be read ({FORMATS}): convert it first, for instance with ffmpeg"
        ) from error

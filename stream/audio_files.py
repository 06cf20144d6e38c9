"""Audio files read and written block by block, so that memory does not grow with their length.

What goes wrong is told before any output appears: an output is written beside its place and moved there
when it is complete.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Protocol, Self

import soundfile

from ..core.arrays import Float32
from ..core.native_stderr import native_stderr_silenced
from ..core.storage import partial_path
from ..errors import InputError
from .media.companions import Companions
from .media.container_reader import ContainerReader
from .media.container_writer import ContainerWriter
from .media.ffmpeg import NoContainerError
from .media.formats import FORMATS, choose_format, extension_of, format_of, written_by_ffmpeg
from .media.layout import AudioLayout
from .media.sndfile_reader import SndfileReader, starts_plain
from .media.sndfile_writer import SndfileWriter
from .media.sources import Once, is_pipe, open_pipe_for_writing, open_source

__all__ = [
    "AudioLayout",
    "AudioReader",
    "AudioWriter",
    "check_output",
    "choose_format",
    "extension_of",
    "format_of",
    "open_audio",
]


class AudioReader(Protocol):
    """An open file or pipe with sound; a context manager.

    Attributes:
        layout: what it says of itself.
        start_s: when the sound starts on the clock of the container, in seconds; known after the first block.
        has_more: whether there are pictures or further tracks beside the sound.
        has_cover: whether there is a picture on the cover.
        has_attached: whether it has files attached, as fonts.
        has_chapters: whether it is divided into chapters.
        tags: title and the like, by FFmpeg's names.
        warnings: what of the sound did not come, one line each; known when all blocks are read.
    """

    layout: AudioLayout
    start_s: float
    has_more: bool
    has_cover: bool
    has_attached: bool
    has_chapters: bool

    @property
    def tags(self) -> dict[str, str]: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...

    def blocks(self, frames: int) -> Iterator[Float32]:
        """The sound from here on in blocks, float32 ``[frames, channels]``, the last one shorter.

        Raises:
            InputError: no samples at all, NaN or infinity, or damage that nothing is read behind.
        """

    def close(self) -> None:
        """Let go of the file."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


def open_audio(path: Path) -> AudioReader:
    """Open whatever holds sound: audio files, videos, pipes.

    Raises:
        InputError: no such file, no permission, or no sound in it.
    """
    if not is_pipe(path):
        open_source(path).close()  # what is no file at all is told first
        if starts_plain(path):
            with suppress(InputError):  # what has no length, or is compressed inside, is FFmpeg's
                return SndfileReader(path)
    try:
        return ContainerReader(path)
    except NoContainerError as error:
        # Old formats that FFmpeg knows not. What libsndfile tries for them complains on stderr.
        if not is_pipe(path):
            with suppress(InputError), native_stderr_silenced():
                return SndfileReader(path)
        raise InputError(_unreadable(path)) from error


def _unreadable(path: Path) -> str:
    if not is_pipe(path):
        with path.open("rb") as file:
            head = file.read(12)
        if head[4:8] == b"ftyp":
            return (
                f"{path} is damaged or was never finished: its index is missing. "
                "Copy it again, or repair it with a tool such as untrunc"
            )
    return f"{path} is not audio that can be read ({FORMATS}): convert it first, for instance with ffmpeg"


def check_output(path: Path, sources: Iterable[Path]) -> None:
    """Refuse an output that cannot be, or must not be, written.

    Raises:
        InputError: it is one of its own sources (through links too), a folder, neither a plain file nor a
            pipe, write-protected, or in a folder that is missing or write-protected.
    """
    if is_pipe(path):
        return
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
    whatever was there before is still there, and nothing else. Into a pipe goes what is ready.

    Args:
        path: where to write.
        layout: rate, channels, format, subtype and bit rate; its `frames` do not matter.
        start_s: when the sound starts on the clock of the companions, in seconds.
        tags: title and the like, by FFmpeg's names.
        chunks: of a WAV file, name and content, to go into another.
        companions: what is copied beside the sound.

    Attributes:
        sample_rate: of the file, in Hz: another than that of `layout` where its codec has not that one.
        codec: its subtype.

    Raises:
        InputError: the format cannot hold this rate or number of channels, or the disk refuses.
    """

    def __init__(
        self,
        path: Path,
        layout: AudioLayout,
        *,
        start_s: float = 0.0,
        tags: Mapping[str, str] | None = None,
        chunks: Iterable[tuple[bytes, bytes]] = (),
        companions: Companions | None = None,
    ) -> None:
        self._path = path
        self._pipe = is_pipe(path)
        self._target = path if self._pipe else _real(path)
        self._temporary = path if self._pipe else partial_path(path)
        self._stream: IO[bytes] | Once | None = None
        with self._failures_told():
            if not self._pipe and not written_by_ffmpeg(layout.format, layout.subtype):
                self._encoder: SndfileWriter | ContainerWriter = SndfileWriter(
                    self._temporary, layout, tags or {}, chunks
                )
            else:
                self._stream = open_pipe_for_writing(path) if self._pipe else self._temporary.open("w+b")
                self._encoder = ContainerWriter(self._stream, layout, start_s, tags, companions)
        self.sample_rate = self._encoder.sample_rate
        self.codec = layout.subtype
        self._companions = companions

    def write(self, block: Float32) -> None:
        """Append samples, float32 ``[n, channels]``; a format of whole numbers clips them to [-1, 1]."""
        with self._failures_told():
            self._encoder.write(block)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What of the companions could not be copied, a line for each kind."""
        if self._companions is None:
            return ()
        dropped, left_out = self._companions.dropped, ", ".join(self._companions.left_out)
        return (
            *([f"{dropped} damaged packets beside the sound were left out"] if dropped else []),
            *([f"left out, for this container has no place for it: {left_out}"] if left_out else []),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is not None:
            self._forget()
            return
        with self._failures_told():
            self._encoder.finish()
            self._close_stream()
            if not self._pipe:
                os.replace(self._temporary, self._target)

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        """What the disk or the format refuses becomes an InputError, and nothing of the file stays."""
        try:
            yield
        except BaseException as error:
            self._forget()
            if isinstance(error, InputError):
                raise InputError(f"{self._path}: {error}") from error
            if isinstance(error, BrokenPipeError):  # whoever reads has had enough
                raise
            if isinstance(error, soundfile.LibsndfileError | OSError | ValueError):
                told = getattr(error, "error_string", None) or getattr(error, "strerror", None)
                reason = str(told or error)
                raise InputError(
                    f"{self._path} cannot be written ({reason.removeprefix('Error : ').rstrip('.')}): "
                    "make room on the disk or choose another output"
                ) from error
            raise

    def _forget(self) -> None:
        """Let go of the output and leave nothing of it."""
        with suppress(soundfile.LibsndfileError, OSError, ValueError):
            if hasattr(self, "_encoder"):
                self._encoder.abandon()
        with suppress(OSError):
            self._close_stream()
        if not self._pipe:
            self._temporary.unlink(missing_ok=True)

    def _close_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()


def _real(path: Path) -> Path:
    """The file itself: through a link, what it points to is replaced, not the link."""
    return Path(os.path.realpath(path))

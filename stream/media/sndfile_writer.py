"""Files written by libsndfile: plain samples, and OGG Vorbis."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import soundfile

from ...core.arrays import Float32
from ...errors import InputError
from .layout import AudioLayout
from .riff import append_chunks
from .sndfile_reader import SequentialFile, system_name

#: The tags that libsndfile writes.
_TAGS = ("title", "artist", "album", "date", "comment", "genre", "copyright")
#: Bits a second of each channel at 44.1 kHz that Vorbis takes for its qualities 0, 1, ... 10.
_VORBIS_RATES = (32e3, 40e3, 48e3, 56e3, 64e3, 80e3, 96e3, 112e3, 128e3, 160e3, 250e3)


class SndfileWriter:
    """An output of libsndfile's in the making.

    Args:
        path: where it is written.
        layout: rate, channels, format, subtype, and the bit rate of Vorbis.
        tags: title and the like.
        chunks: of a WAV file, name and content: they stand for all tags.

    Attributes:
        sample_rate: of the file, in Hz.

    Raises:
        InputError: the format cannot hold this.
        OSError: the disk refuses.
    """

    def __init__(
        self,
        path: Path,
        layout: AudioLayout,
        tags: Mapping[str, str],
        chunks: Iterable[tuple[bytes, bytes]],
    ) -> None:
        self._path = path
        self._chunks = list(chunks) if layout.format in ("WAV", "WAVEX") else []
        self.sample_rate = layout.sample_rate
        try:
            self._file = SequentialFile(
                system_name(path),
                "w",
                layout.sample_rate,
                layout.channels,
                layout.subtype,
                format=layout.format,
                compression_level=_vorbis_level(layout),
            )
        except soundfile.LibsndfileError as error:
            if "System error" in error.error_string:
                path.write_bytes(bytes(4096))  # the disk says itself why it takes nothing, if it is the disk
            path.unlink(missing_ok=True)
            raise InputError(
                f"{layout.format} {layout.subtype} cannot hold {layout.channels} channels at "
                f"{layout.sample_rate} Hz ({error.error_string.removeprefix('Error : ').rstrip('.')}): "
                "choose an output such as NAME.flac or NAME.wav"
            ) from error
        if not self._chunks:
            for name in _TAGS:
                if text := tags.get(name) or tags.get(name.upper()):
                    setattr(self._file, name, text)

    def write(self, block: Float32) -> None:
        """Append samples, float32 ``[n, channels]``; a format of whole numbers clips them to [-1, 1]."""
        self._file.write(block)

    def finish(self) -> None:
        """Write all that is left."""
        self._file.close()
        if self._chunks:
            append_chunks(self._path, self._chunks)

    def abandon(self) -> None:
        """Let go of the output; what was written of it is of no use."""
        self._file.close()


def _vorbis_level(layout: AudioLayout) -> float | None:
    """libsndfile's level of compression, 1 - quality, for the bit rate of a Vorbis source; None: its own."""
    if layout.subtype != "VORBIS" or not layout.bit_rate:
        return None
    each = layout.bit_rate / layout.channels * 44_100 / layout.sample_rate
    quality = float(np.interp(each, _VORBIS_RATES, np.linspace(0.0, 1.0, len(_VORBIS_RATES))))
    return 1.0 - quality

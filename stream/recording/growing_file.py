"""WAV and ``.npy`` files that are whole at any moment of their making, also after a crash or on a full disk.

Libraries write the length into the header when a file is closed, so what a crash leaves behind has none.
Here the header is rewritten in place as the data grows.
"""

import os
import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import InputError

#: Makes the header, always of the same length, for so many bytes of data.
Header = Callable[[int], bytes]

_FLOAT_BYTES = 4
_IEEE_FLOAT = 3  # WAVE_FORMAT_IEEE_FLOAT
_WAV_HEADER = struct.Struct("<4sI4s 4sIQQQI 4sIHHIIHHH 4sII 4sI")
_LARGEST = 0xFFFFFFFF


class GrowingFile:
    """A header and data behind it; `update` makes the header tell how much there is.

    Args:
        path: a file that must not exist yet.
        header: makes the header.

    Raises:
        InputError: the file exists or cannot be made.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self._header = header
        self._data_start = len(header(0))
        try:
            # Unbuffered: what `append` was given is with the operating system when it returns.
            self._file = open(path, "xb", buffering=0)  # noqa: SIM115
            self.update()
        except OSError as error:
            raise InputError(f"{path} cannot be made ({error.strerror}): record somewhere else") from error

    def append(self, data: npt.NDArray[Any]) -> None:
        """Write an array's bytes at the end.

        Raises:
            OSError: the disk is full or gone; what was written before stays.
        """
        rest = np.ascontiguousarray(data).tobytes()
        self._file.seek(0, os.SEEK_END)
        while rest:  # a disk that fills up takes a part before it refuses
            rest = rest[self._file.write(rest) :]

    def update(self) -> None:
        """Bring the header up to date.

        Raises:
            OSError: the disk is gone.
        """
        end = self._file.seek(0, os.SEEK_END)
        self._file.seek(0)
        self._file.write(self._header(max(end - self._data_start, 0)))

    def close(self) -> None:
        """Bring the header up to date and close; idempotent.

        Raises:
            OSError: the disk is gone.
        """
        if not self._file.closed:
            with self._file:
                self.update()


def wav_header(sample_rate: int) -> Header:
    """For mono float32 WAV, which becomes RF64 (EBU Tech 3306) where it outgrows 4 GiB.

    RF64 needs room for 64-bit sizes; it is there from the start, as a chunk that readers skip.
    """

    def header(data_bytes: int) -> bytes:
        frames = data_bytes // _FLOAT_BYTES
        data = frames * _FLOAT_BYTES
        riff = _WAV_HEADER.size - 8 + data
        large = riff > _LARGEST
        return _WAV_HEADER.pack(
            *(b"RF64" if large else b"RIFF", _LARGEST if large else riff, b"WAVE"),
            *(b"ds64" if large else b"JUNK", 28, riff, data, frames, 0),
            *(b"fmt ", 18, _IEEE_FLOAT, 1, sample_rate, sample_rate * _FLOAT_BYTES),
            *(_FLOAT_BYTES, 8 * _FLOAT_BYTES, 0),
            *(b"fact", 4, min(frames, _LARGEST)),
            *(b"data", _LARGEST if large else data),
        )

    return header


def npy_header(dtype: np.dtype[Any]) -> Header:
    """For a one-dimensional array that `numpy.load` reads; NumPy pads it so that the length can grow."""

    def header(data_bytes: int) -> bytes:
        described = {
            "descr": np.lib.format.dtype_to_descr(dtype),
            "fortran_order": False,
            "shape": (data_bytes // dtype.itemsize,),
        }
        buffer = BytesIO()
        np.lib.format.write_array_header_1_0(buffer, described)
        return buffer.getvalue()

    return header

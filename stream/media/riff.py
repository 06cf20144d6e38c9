"""The chunks of a WAV file: whether it is whole, and what it carries beside the samples (BWF, tags, cues)."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

#: Chunks that belong to the samples as they are stored, or only fill; all others come along.
_OWN = frozenset({b"fmt ", b"data", b"fact", b"PEAK", b"ds64", b"JUNK", b"junk", b"FLLR", b"PAD ", b"levl"})
#: A larger chunk, and more chunks, are nothing that a recorder writes.
_MAX_CHUNK_BYTES = 16 << 20
_MAX_CHUNKS = 200
#: A recorder that streams writes this for a length it does not know.
_UNKNOWN = 0xFFFFFFFF


@dataclass(frozen=True)
class RiffMap:
    """Where things are in a WAV file.

    Attributes:
        data_at: byte at which the samples begin; 0: there is no data chunk.
        data_bytes: their length as the header gives it.
        data_there: bytes from there to the end of the file.
        unfinished: the header gives no length, so the samples go on to the end of the file.
        extras: name, place and length in bytes of each chunk that is not about the samples.
    """

    data_at: int
    data_bytes: int
    data_there: int
    unfinished: bool
    extras: tuple[tuple[bytes, int, int], ...]

    @property
    def missing_bytes(self) -> int:
        """How much of the samples that the header promises is not there."""
        return 0 if self.unfinished else max(0, self.data_bytes - self.data_there)


def riff_map(path: Path) -> RiffMap | None:
    """Find the chunks; None for what is no WAV file with 32-bit lengths (RF64 tells its own otherwise).

    Raises:
        OSError: the file cannot be read.
    """
    end = path.stat().st_size
    data_at = data_bytes = 0
    unfinished = False
    extras: list[tuple[bytes, int, int]] = []
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return None
        at = 12
        for _ in range(_MAX_CHUNKS):
            file.seek(at)
            header = file.read(8)
            if len(header) < 8:
                break
            name, size = header[:4], int.from_bytes(header[4:], "little")
            if name == b"data" and not data_at:
                data_at, data_bytes = at + 8, size
                unfinished = _without_length(file.read(8), size, end - at - 8)
                if unfinished:
                    break
            elif name not in _OWN and size <= min(_MAX_CHUNK_BYTES, end - at - 8):
                extras.append((name, at + 8, size))
            at += 8 + size + size % 2
    return RiffMap(data_at, data_bytes, max(0, end - data_at) if data_at else 0, unfinished, tuple(extras))


def _without_length(start: bytes, size: int, there: int) -> bool:
    """Whether a data chunk gives no length, so that samples follow it and no further chunk."""
    if size == _UNKNOWN:
        return True
    # After an empty data chunk another chunk may follow, whose name is plain text; samples hardly look so.
    return size == 0 and there > 0 and not (start[:4].isascii() and start[:4].strip().isalnum())


def chunks_to_carry(path: Path) -> list[tuple[bytes, bytes]]:
    """Name and content of the chunks of a WAV file that are not about its samples.

    Raises:
        OSError: the file cannot be read.
    """
    found = riff_map(path)
    if found is None:
        return []
    with path.open("rb") as file:
        carried = []
        for name, at, size in found.extras:
            file.seek(at)
            carried.append((name, file.read(size)))
    return carried


def append_chunks(path: Path, chunks: Iterable[tuple[bytes, bytes]]) -> None:
    """Add chunks to the end of a whole WAV file, and their length to that of the file.

    Raises:
        OSError: the file cannot be written.
    """
    with path.open("r+b") as file:
        if file.read(4) != b"RIFF":
            return
        end = file.seek(0, 2)
        added = b"\0" * (end % 2)
        for name, content in chunks:
            added += name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
        if end + len(added) - 8 > _UNKNOWN:
            return  # the samples alone fill what 32 bits can count
        file.write(added)
        file.seek(4)
        file.write(struct.pack("<I", end + len(added) - 8))

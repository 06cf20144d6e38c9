"""What damaged formats without time stamps tell of how much is lost; for MP3 see `mp3_holes`."""

from pathlib import Path

from .mp3_holes import counted_frames
from .sources import is_pipe

#: Demuxers whose lengths stand in a header. Others add up what is there, or guess by the bit rate.
_LENGTH_IN_HEADER = {"flac", "avi", "asf", "matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2", "ogg", "caf", "aiff"}


def has_length(demuxer: str, path: Path) -> bool:
    """Whether a file of this demuxer says how long it is, rather than FFmpeg guessing.

    Raises:
        OSError: the file cannot be read.
    """
    return demuxer in _LENGTH_IN_HEADER or (demuxer == "mp3" and counted_frames(path) is not None)


def ogg_has_end(path: Path) -> bool:
    """Whether the last page of an OGG file says that it is the last; a pipe has shown all it had.

    Raises:
        OSError: the file cannot be read.
    """
    if is_pipe(path):
        return True
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 70_000))  # more than the largest page has
        tail = file.read()
    at = tail.rfind(b"OggS")
    return at >= 0 and len(tail) > at + 5 and bool(tail[at + 5] & 4)


def flac_sample(header: bytes) -> int | None:
    """The number of the first sample in a FLAC frame, as its header counts; None where that is not one.

    RFC 9639, section 9.1. The frame number is counted in the size of this block, which holds for all but
    the last frame of a file with blocks of one size.
    """
    if len(header) < 16 or header[0] != 0xFF or header[1] & 0xFC != 0xF8:
        return None
    number = _coded_number(header[4:])
    if number is None:
        return None
    if header[1] & 1:  # blocks of different sizes: the sample itself
        return number
    code = header[2] >> 4
    if code in (6, 7):
        return None  # a size of its own: the last, shorter block
    if code == 1:
        return number * 192
    if 2 <= code <= 5:
        return number * 576 * 2 ** (code - 2)
    return number * 256 * 2 ** (code - 8) if code >= 8 else None


def _coded_number(coded: bytes) -> int | None:
    """A number coded as UTF-8 codes characters, up to seven bytes."""
    first = coded[0]
    if first < 0x80:
        return first
    length = 8 - (first ^ 0xFF).bit_length()
    if not 2 <= length <= 7 or any(byte & 0xC0 != 0x80 for byte in coded[1:length]):
        return None
    number = first & (0x7F >> length)
    for byte in coded[1:length]:
        number = number << 6 | byte & 0x3F
    return number

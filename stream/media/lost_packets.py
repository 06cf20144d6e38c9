"""What damaged formats without time stamps tell of how much is lost: MP3 by bytes, FLAC by numbers."""

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from .layout import AudioLayout
from .sources import is_pipe

if TYPE_CHECKING:
    from av import Packet

#: Demuxers whose lengths stand in a header. Others add up what is there, or guess by the bit rate.
_LENGTH_IN_HEADER = {"flac", "avi", "asf", "matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2", "ogg", "caf", "aiff"}


def has_length(demuxer: str, path: Path) -> bool:
    """Whether a file of this demuxer says how long it is, rather than FFmpeg guessing.

    Raises:
        OSError: the file cannot be read.
    """
    return demuxer in _LENGTH_IN_HEADER or (demuxer == "mp3" and _mp3_has_count(path))


def _mp3_has_count(path: Path) -> bool:
    """Whether the first frame of an MP3 counts all others (the tags Xing, Info and VBRI)."""
    with path.open("rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3":
            size = 0
            for byte in head[6:10]:
                size = size << 7 | byte & 0x7F
            file.seek(10 + size)
        else:
            file.seek(0)
        frame = file.read(2_048)
    return any(tag in frame for tag in (b"Xing", b"Info", b"VBRI"))


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


def lost_samples(packet: "Packet[Any]", sizes: list[int], layout: AudioLayout) -> int:
    """Samples lost with a damaged packet beyond the one frame that its time stamps count.

    Between two headers of MP3 that are whole, all bytes become one packet: their number tells the frames.

    Args:
        packet: the damaged one.
        sizes: bytes of whole ones before it.
        layout: of the file.
    """
    if layout.format != "MP3" or not sizes or not packet.duration or packet.time_base is None:
        return 0
    frames = max(1, round(packet.size / median(sizes)))
    return round((frames - 1) * packet.duration * packet.time_base * layout.sample_rate)


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

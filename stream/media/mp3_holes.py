"""How much sound is missing where an MP3 is damaged: its frames have no numbers, but the first may count all.

FFmpeg makes one packet of all bytes between two frames that it can tell, and its time stamps count that as
one frame. How many there were follows from the count in the first frame (the tags Xing, Info and VBRI, as
LAME and Fraunhofer write them), where there is one. With a changing bit rate, bytes alone would not tell it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .ffmpeg import failures, open_container
from .sources import is_pipe, open_source

if TYPE_CHECKING:
    from av import Packet

#: Kilobits a second by the index in a header (ISO/IEC 11172-3, table 2.4.2.3; 13818-3 for the half rates).
_LAYER_3 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_LAYER_2 = (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_HALF_RATES = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = (44_100, 48_000, 32_000)


def counted_frames(path: Path) -> int | None:
    """How many frames the first frame of an MP3 counts; None where it does not.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(10)
        size = 0
        if head[:3] == b"ID3":
            for byte in head[6:10]:
                size = size << 7 | byte & 0x7F
            size += 10
        file.seek(size)
        frame = file.read(2_048)
    for tag in (b"Xing", b"Info"):
        at = frame.find(tag)
        if at >= 0:
            has_count = len(frame) >= at + 12 and frame[at + 7] & 1
            return int.from_bytes(frame[at + 8 : at + 12]) if has_count else 0
    at = frame.find(b"VBRI")
    return int.from_bytes(frame[at + 14 : at + 18]) if at >= 0 else None


def layer_of(header: bytes) -> int | None:
    """The layer, 1 to 3, of the frame that starts with this header; None where it is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    return 4 - (header[1] >> 1 & 3)


def frame_bytes(header: bytes) -> int | None:
    """The length of the frame that starts with this header; None where it is none, or tells no length."""
    layer = layer_of(header)
    if layer not in (2, 3):
        return None
    version, kilobits, rate = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or rate == 3 or not 0 < kilobits < 15:
        return None
    whole = version == 3
    table = (_LAYER_2 if layer == 2 else _LAYER_3) if whole else _HALF_RATES
    hertz = _RATES[rate] >> (3 - version if version else 2)
    samples = 576 if layer == 3 and not whole else 1152
    return samples // 8 * 1000 * table[kilobits] // hertz + (header[2] >> 1 & 1)


class Mp3Holes:
    """Tells behind which packets of an MP3 frames are missing. The file is looked through at the first one.

    Args:
        path: of the file; in a pipe nothing is looked up, and bytes tell how many.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = -1
        self._missing: dict[int, int] | None = None
        self._bytes = self._whole = 0

    def behind(self, packet: "Packet[Any]") -> int:
        """Frames lost with the next packet beyond the one that its time stamps count."""
        self._number += 1
        own = frame_bytes(bytes(packet)[:4])
        if own == packet.size:
            self._bytes, self._whole = self._bytes + own, self._whole + 1
            return 0
        if is_pipe(self._path):
            usual = self._bytes / self._whole if self._whole else packet.size
            return max(1, round(packet.size / usual)) - 1 if own is None else 0
        if self._missing is None:
            self._missing = self._looked_up()
        return self._missing.get(self._number, 0)

    def _looked_up(self) -> dict[int, int]:
        """Frames missing behind packets, by their numbers; shared out by bytes that belong to no frame."""
        sizes, odd = [], {}
        partial = False
        for number, (size, own) in enumerate(self._demuxed()):
            partial = own is not None and own > size
            if own == size:
                sizes.append(size)
            elif not partial:
                odd[number] = size - (own or 0)
        usual = sum(sizes) / len(sizes) if sizes else 0.0
        if not odd or not usual:
            return {}
        counted = counted_frames(self._path)
        if counted and not partial:  # what is cut off lacks frames at its end too
            # A packet without a header counts as one frame.
            beyond = {number: max(0.0, size - usual) for number, size in odd.items()}
            missing = max(0, counted - len(sizes) - len(odd))
            return _shared_out(missing, beyond)
        return {number: max(0, round(size / usual) - 1) for number, size in odd.items()}

    def _demuxed(self) -> Iterator[tuple[int, int | None]]:
        """Size of each packet, and of the frame at its start."""
        source = open_source(self._path)
        container = open_container(source, self._path)
        try:
            for packet in container.demux(audio=0):
                if packet.size:
                    yield packet.size, frame_bytes(bytes(packet)[:4])
        except failures():
            pass  # the packets so far are those that are read
        finally:
            container.close()
            source.close()


def _shared_out(count: int, weights: dict[int, float]) -> dict[int, int]:
    """Whole parts of a count in proportion to weights, which add up to it."""
    total = sum(weights.values())
    parts: dict[int, int] = {}
    weight, given = 0.0, 0
    for number, each in weights.items():
        weight += each
        due = round(count * weight / total) if total else 0
        parts[number], given = due - given, due
    return parts

"""What a file with sound says of itself, and the bit rate of one that tells none, measured on its packets."""

from dataclasses import dataclass
from pathlib import Path

from .ffmpeg import failures, open_container
from .sources import is_pipe, open_source

#: Packets that a bit rate is measured on (20 s of Opus).
_PACKETS = 1_000


@dataclass(frozen=True)
class AudioLayout:
    """What an audio file says of itself.

    Attributes:
        sample_rate: in Hz.
        channels: number of channels.
        frames: samples of each channel as the file announces them; 0 where it does not.
        format: name of the container: libsndfile's, e.g. ``WAV``, or one of `formats.CONTAINERS`.
        subtype: name of the sample format: libsndfile's, e.g. ``PCM_16``, else the codec's, e.g. ``AAC``.
        bit_rate: of the compressed sound in bits a second; 0: not compressed, or not known.
        speakers: FFmpeg's name of the places of the channels, e.g. ``5.1``; empty: not known.
    """

    sample_rate: int
    channels: int
    frames: int
    format: str
    subtype: str
    bit_rate: int = 0
    speakers: str = ""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate


def measured_bit_rate(path: Path) -> int:
    """Bits a second of the first sound of a file, in its first seconds; 0 for a pipe, or if unknown.

    Raises:
        InputError: the file cannot be read.
    """
    if is_pipe(path):
        return 0
    source = open_source(path)
    container = open_container(source, path)
    size, start_s, end_s = 0, None, 0.0
    try:
        for count, packet in enumerate(container.demux(audio=0)):
            if packet.pts is None or packet.time_base is None or count >= _PACKETS:
                break
            time_s = float(packet.pts * packet.time_base)
            start_s = time_s if start_s is None else start_s
            end_s = time_s + float((packet.duration or 0) * packet.time_base)
            size += packet.size
    except failures():
        pass  # what came so far counts
    finally:
        container.close()
        source.close()
    return 0 if start_s is None or end_s <= start_s else round(8 * size / (end_s - start_s))

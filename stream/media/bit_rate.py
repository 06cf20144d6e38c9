"""The bit rate of sound whose container tells none, measured on its first packets."""

from pathlib import Path

from .ffmpeg import failures, open_container
from .sources import is_pipe, open_source

#: So much of the sound is enough, in packets (20 s of Opus).
_PACKETS = 1_000


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

"""What a container holds beside the sound that is enhanced: pictures, further tracks, covers, chapters."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ...errors import InputError
from .ffmpeg import failures, is_cover, open_container, start_s
from .sources import is_pipe, open_source

if TYPE_CHECKING:
    from av import Packet
    from av.container import OutputContainer

#: Tags that tell of the file as it was, not of the recording.
_OF_THE_FILE = {"encoder", "major_brand", "minor_version", "compatible_brands", "duration"}

#: If so many packets do not fit in and none does, it is the container and no damage.
_MAX_DROPPED = 10


def tags_to_carry(tags: dict[str, str]) -> dict[str, str]:
    """Those of a file's tags that hold for an enhanced copy of it."""
    return {key: text for key, text in tags.items() if key.lower() not in _OF_THE_FILE}


class Companions:
    """The streams of a source that are copied as they are, in step with the sound; a context manager.

    Args:
        source: the input file.
        pictures: whether the output has a place for more than a cover.

    Attributes:
        dropped: packets so damaged that no container takes them.

    Raises:
        InputError: the source is a pipe, which cannot be read twice, or cannot be read.
    """

    def __init__(self, source: Path, pictures: bool) -> None:
        if is_pipe(source):
            raise InputError(
                f"the pictures of a pipe ({source}) cannot be copied: "
                "save it as a file, or choose -o NAME.wav"
            )
        self._source = source
        self._file = open_source(source)
        self._container = open_container(self._file, source)
        self.start_s = start_s(self._container)
        self._streams = [stream for stream in self._container.streams if self._comes(stream, pictures)]
        self._targets: dict[int, Any] = {}
        self._packets = self._demuxed()
        self._next: Packet[Any] | None = None
        self._copied = 0
        self.dropped = 0

    def _comes(self, stream: Any, pictures: bool) -> bool:
        if stream.index == self._container.streams.audio[0].index:
            return False
        if pictures:
            return stream.type in ("video", "audio", "subtitle")
        return stream.type == "video" and is_cover(stream)

    def add_to(self, output: "OutputContainer", kind: str) -> None:
        """Make a place for each stream in the output.

        Raises:
            InputError: the output's container cannot hold one of them.
        """
        for stream in self._streams:
            try:
                target = output.add_stream_from_template(stream, opaque=True)
            except (ValueError, TypeError) as error:
                raise InputError(
                    f"{kind} cannot hold the {stream.type} of {self._source} ({error}): "
                    "choose -o NAME.mkv, or -o NAME.wav for the sound alone"
                ) from error
            target.metadata.update(stream.metadata)
            target.disposition = stream.disposition
            self._targets[stream.index] = target
        chapters = self._container.chapters()
        if chapters and self._targets:
            output.set_chapters(chapters)

    def copy_until(self, output: "OutputContainer", time_s: float) -> None:
        """Copy the packets that come before this time, in seconds from the start of the source's clock."""
        while self._targets:
            packet = self._next or next(self._packets, None)
            self._next = None
            if packet is None:
                return
            stamp = packet.dts if packet.dts is not None else packet.pts
            if stamp is not None and packet.time_base is not None:
                if float(stamp * packet.time_base) - self.start_s > time_s:
                    self._next = packet
                    return
                if self.start_s:
                    shift = round(self.start_s / packet.time_base)
                    packet.dts = None if packet.dts is None else packet.dts - shift
                    packet.pts = None if packet.pts is None else packet.pts - shift
            packet.stream = self._targets[packet.stream.index]
            try:
                output.mux(packet)
                self._copied += 1
            except ValueError:  # a damaged one, whose time stamps go back or are missing
                self.dropped += 1
                if self.dropped > _MAX_DROPPED and not self._copied:
                    raise InputError(
                        f"the pictures of {self._source} do not fit into this container: "
                        "choose -o NAME.mkv, the extension of the input, or NAME.wav for the sound alone"
                    ) from None

    def _demuxed(self) -> Iterator["Packet[Any]"]:
        """The packets to copy; one that cannot be read ends them."""
        try:
            for packet in self._container.demux(self._streams):
                if packet.size:
                    yield packet
        except failures():
            return

    def close(self) -> None:
        """Let go of the source."""
        self._container.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

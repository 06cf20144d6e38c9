"""What a container holds beside the sound: pictures, further tracks, covers, attached files, chapters."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from ...errors import InputError
from .ffmpeg import failures, is_cover, open_container, start_s
from .sources import is_pipe, open_source

if TYPE_CHECKING:
    from av import Packet
    from av.container import OutputContainer

#: Tags that tell of the file as it was, not of the recording.
_OF_THE_FILE = {"encoder", "major_brand", "minor_version", "compatible_brands", "duration"}

#: Tags of the enhanced track that say what it is among others; those of the file come by `tags_to_carry`.
_OF_THE_TRACK = ("language", "title", "handler_name")

#: If so many packets do not fit in and none does, it is the container and no damage.
_MAX_DROPPED = 10


def tags_to_carry(tags: dict[str, str]) -> dict[str, str]:
    """Those of a file's tags that hold for an enhanced copy of it."""
    return {key: text for key, text in tags.items() if key.lower() not in _OF_THE_FILE}


#: The container that holds attached files; covers are such in it.
ATTACHING = "MKV"
#: Data of a camera in the air, which TS alone takes.
_KLV = "klv"
_PICTURES = {"mjpeg": "image/jpeg", "png": "image/png"}


class Companions:
    """The streams of a source that are copied as they are, in step with the sound; a context manager.

    Args:
        source: the input file.
        which: what the output has a place for: ``all`` streams, the ``cover``, or ``chapters`` alone.

    Attributes:
        dropped: packets so damaged that no container takes them.
        left_out: what the output has no place for, each in words; known once it has been added to.

    Raises:
        InputError: the source is a pipe, which cannot be read twice, or cannot be read.
    """

    def __init__(self, source: Path, which: Literal["all", "cover", "chapters"]) -> None:
        if is_pipe(source):
            raise InputError(
                f"the pictures of a pipe ({source}) cannot be copied: "
                "save it as a file, or choose -o NAME.wav"
            )
        self._source = source
        self._file = open_source(source)
        self._container = open_container(self._file, source)
        self.start_s = start_s(self._container)
        self._sound = self._container.streams.audio[0]
        self._streams = [stream for stream in self._container.streams if self._comes(stream, which)]
        self._targets: dict[int, Any] = {}
        self._packets = self._demuxed()
        self._next: Packet[Any] | None = None
        self._copied = 0
        self.dropped = 0
        self.left_out: list[str] = []
        self._all = which == "all"

    def _comes(self, stream: Any, which: str) -> bool:
        if stream.index == self._sound.index or which == "chapters":
            return False
        if which == "all":
            return stream.type in ("video", "audio", "subtitle") or stream.name == _KLV
        return _is_picture(stream)

    def add_to(self, output: "OutputContainer", kind: str, add_sound: Callable[[], Any]) -> None:
        """Make a place for each stream in the output, in their order: players take the first of a kind.

        Args:
            output: the output.
            kind: its format, for the message.
            add_sound: makes the place of the enhanced sound and gives it.

        Raises:
            InputError: the output's container cannot hold one of them.
        """
        coming = {stream.index for stream in self._streams}
        for stream in self._container.streams:
            if stream.index == self._sound.index:
                target = add_sound()
                own = {key: text for key, text in stream.metadata.items() if key.lower() in _OF_THE_TRACK}
                target.metadata.update(own)
                target.disposition = stream.disposition
            elif stream.index in coming and _has_place(kind, stream):
                target = self._targets[stream.index] = self._place(output, kind, stream)
                target.metadata.update(stream.metadata)
                target.disposition = stream.disposition
            elif self._all and not self._comes_by_itself(stream):
                self._attach(output, kind, stream)
        self._streams = [stream for stream in self._streams if stream.index in self._targets]
        if chapters := self._container.chapters():
            output.set_chapters(chapters)

    def _comes_by_itself(self, stream: Any) -> bool:
        """Whether a data track is one that writers make: of time codes, which are tags, or of chapters."""
        if stream.type != "data":
            return False
        return "timecode" in stream.metadata or (
            stream.name == "bin_data" and bool(self._container.chapters())
        )

    def _attach(self, output: "OutputContainer", kind: str, stream: Any) -> None:
        """Put an attached file or a cover into the head of the output, if that has a place for it."""
        attach = getattr(output, "add_attachment", None) if kind == ATTACHING else None  # PyAV 14 has none
        name = stream.metadata.get("filename") or stream.metadata.get("handler_name") or stream.name
        if attach is None or stream.type == "data":
            what = "attached file" if stream.type == "attachment" else f"{stream.type} track"
            self.left_out.append(f"{what} {name or stream.index}")
            return
        form = stream.metadata.get("mimetype") or _PICTURES.get(stream.name, "application/octet-stream")
        content = self._picture(stream) if stream.type == "video" else stream.data
        target = attach(name if "." in name else f"cover.{form.rpartition('/')[2]}", form, content)
        target.metadata.update(stream.metadata)

    def _picture(self, stream: Any) -> bytes:
        """The file of a cover, read apart: the packets to copy are read once."""
        with closing(open_source(self._source)) as file, open_container(file, self._source) as container:
            return next((bytes(packet) for packet in container.demux(stream.index) if packet.size), b"")

    def _place(self, output: "OutputContainer", kind: str, stream: Any) -> Any:
        """The place of a stream that is copied as it is."""
        try:
            return output.add_stream_from_template(stream, opaque=True)
        except (ValueError, TypeError) as error:
            raise InputError(
                f"{kind} cannot hold the {stream.type} of {self._source} ({error}): "
                f"choose -o NAME{self._source.suffix}, or -o NAME.wav for the sound alone"
            ) from error

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


def _has_place(kind: str, stream: Any) -> bool:
    """Whether a stream that comes along has a track of its own in a container."""
    return kind == "TS" if stream.name == _KLV else not (kind == ATTACHING and _is_picture(stream))


def _is_picture(stream: Any) -> bool:
    return stream.type == "video" and is_cover(stream)

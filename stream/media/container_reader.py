"""The sound of any container, read by FFmpeg: in step with its time stamps, whatever is damaged in it."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ...core.arrays import Float32
from ...errors import InputError
from .ffmpeg import failures, format_name, is_cover, open_container, start_s, subtype_name
from .layout import AudioLayout
from .lost_packets import flac_sample, has_length, ogg_has_end
from .mp3_holes import Mp3Holes, layer_of
from .riff import riff_map
from .sources import is_pipe, open_source

if TYPE_CHECKING:
    from av import AudioFrame, Packet
    from av.audio.stream import AudioStream

#: Time stamps may be off by as much without a hole between two frames: some containers count milliseconds.
_JITTER_S = 0.01
#: No hole is longer; none at all, and none where nothing but a time stamp speaks for it.
_LONGEST_TRUSTED_HOLE_S, _LONGEST_HOLE_S = 3_600.0, 10.0
#: No codec fills more than so many samples up.
_FILLING_FRAMES = 4096
#: A file may end this much before its promised length: headers round.
_SHORT_S = 0.1


class ContainerReader:
    """The first sound of a file or pipe; a context manager. What its time stamps leave out becomes silence.

    Args:
        path: a file of any container that FFmpeg reads, or a pipe.

    Attributes:
        layout: what the file says of its sound.
        start_s: when the sound starts, in seconds of the container's clock; known after the first block.
        has_more: whether there are pictures or further tracks beside the sound.
        has_cover: whether there is a picture on the cover.
        has_attached: whether it has files attached, as fonts.
        has_chapters: whether it is divided into chapters.

    Raises:
        InputError: no such file, no permission, not a container, or no sound in it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open_source(path)
        try:
            self._container = open_container(self._file, path)
        except InputError:
            self._file.close()
            raise
        try:
            self._open_sound()
        except InputError:
            self.close()
            raise

    def _open_sound(self) -> None:
        streams = self._container.streams
        covers = sum(map(is_cover, streams.video))
        self.has_cover = covers > 0
        self.has_attached = any(stream.type == "attachment" for stream in streams)
        self.has_chapters = bool(self._container.chapters())
        self.has_more = len(streams.video) - covers + len(streams.audio) + len(streams.subtitles) > 1
        if not streams.audio:
            raise InputError(f"{self._path} holds no sound: name a file with sound in it")
        self._stream: AudioStream = streams.audio[0]
        context = self._stream.codec_context
        if context is None or not context.rate or not context.channels or context.format is None:
            raise InputError(f"{self._path} holds sound of an unknown or damaged kind: export it again")
        if context.name == "flac":
            context.options = {"err_detect": "crccheck"}  # silence in place of noise where a frame is damaged
        self._at = 0  # frames handed on, of the file's own rate
        self._damaged: list[int] = []  # what it was then
        kind = format_name(self._container, self._path)
        self._ahead = [next(self._demuxed(), None)] if context.name.startswith("mp3") else []
        self._promised = _promised_frames(self._container, self._stream, self._path)
        seconds = (self._stream.duration or 0) * float(self._stream.time_base or 0)
        frames = self._promised or round((seconds or (self._container.duration or 0) / 1e6) * context.rate)
        self.layout = AudioLayout(
            context.rate,
            context.channels,
            max(0, frames),
            kind,
            subtype_name(self._codec(), kind, context.format.name),
            context.bit_rate or 0,
            context.layout.name,
        )
        self.start_s = 0.0
        self._silence_frames = 0

    @property
    def tags(self) -> dict[str, str]:
        """Title and the like; OGG keeps them with its stream."""
        own = dict(self._stream.metadata) if self.layout.format == "OGG" else {}
        return dict(self._container.metadata) | own

    @property
    def warnings(self) -> tuple[str, ...]:
        """What of the sound did not come, one line each; known when all blocks are read."""
        told = []
        rate = self.layout.sample_rate
        if self._damaged:
            silence = f": {self._silence_frames / rate:.2f} s of silence stand where sound was lost"
            first_s = self._damaged[0] / rate
            told.append(f"damaged at {first_s:.2f} s{silence if self._silence_frames else ''}")
        if self._promised and self._at < self._promised - max(_SHORT_S, self._promised / rate / 100) * rate:
            told.append(
                f"cut off: it ends at {self._at / rate:.2f} s of the {self._promised / rate:.2f} s "
                "that it promises"
            )
        elif self._header_was_empty():
            told.append(f"never finished by its recorder: read to its end, {self._at / rate:.2f} s")
        elif self.layout.format == "OGG" and self._at and not ogg_has_end(self._path):
            told.append(f"cut off: it ends at {self._at / rate:.2f} s without the mark of an end")
        return tuple(told)

    def blocks(self, frames: int) -> Iterator[Float32]:
        """The sound in blocks, float32 ``[frames, channels]``, the last one shorter.

        Raises:
            InputError: no samples at all, NaN or infinity.
        """
        waiting: list[Float32] = []
        count = 0
        for piece in self._without_filling():
            waiting.append(piece)
            count += len(piece)
            while count >= frames:
                joined = np.concatenate(waiting)
                yield joined[:frames]
                waiting, count = [joined[frames:]], count - frames
        if count:
            yield np.concatenate(waiting)
        if self._at == 0:
            raise InputError(f"{self._path} holds no samples: record or export it again")

    def _without_filling(self) -> Iterator[Float32]:
        """The sound without what an encoder put behind it to fill its last frame up."""
        given = 0
        beyond: list[Float32] = []
        for piece in self._in_step():
            room = self._promised - given if self._promised else len(piece)
            given += len(piece)
            if room >= len(piece):
                yield piece
                continue
            yield piece[: max(0, room)]
            beyond.append(piece[max(0, room) :])
            if given - self._promised > _FILLING_FRAMES:  # the header is wrong: all of it is sound
                self._promised = 0
                yield from beyond
                beyond = []
        self._at -= sum(map(len, beyond))

    def _in_step(self) -> Iterator[Float32]:
        """The decoded frames, where their time stamps put them."""
        rate, channels = self.layout.sample_rate, self.layout.channels
        origin: Fraction | None = None
        for time, samples in self._timed():
            if origin is None:
                origin = time if time is not None else Fraction(0)
                self.start_s = float(origin) - start_s(self._container)
            due = self._at if time is None else round((time - origin) * rate)
            hole = due - self._at
            if hole > _JITTER_S * rate and self._plausible(due):
                self._note_damage()
                self._silence_frames += hole
                yield from _silence(hole, channels)
                self._at += hole
            elif abs(hole) > _JITTER_S * rate and time is not None:
                origin = time - Fraction(self._at, rate)  # a clock that was set: go on from here
            self._check(samples)
            yield samples
            self._at += len(samples)

    def _plausible(self, due: int) -> bool:
        """Whether sound that is due then may be missing until then, rather than a time stamp be damaged."""
        # With pictures, the clock is theirs too: what stands still here would go on there.
        trusted = self.has_more or due < self._promised
        longest_s = _LONGEST_TRUSTED_HOLE_S if trusted else _LONGEST_HOLE_S
        return due - self._at <= longest_s * self.layout.sample_rate

    def _timed(self) -> Iterator[tuple[Fraction | None, Float32]]:
        """Each decoded frame with its time in seconds, where it has one, float32 ``[n, channels]``."""
        import av

        lost = 0  # frames lost so far that the time stamps do not count
        resampler: Any = None
        kind: tuple[str, str, int] | None = None
        layout = self.layout
        speakers = self._stream.codec_context.layout.name
        holes = Mp3Holes(self._path) if layout.format in ("MP3", "MP2") else None
        for packet in self._packets():
            before = lost
            if holes is not None and packet.size and packet.duration and packet.time_base is not None:
                frame_s = packet.duration * packet.time_base
                lost += round(holes.behind(packet) * frame_s * layout.sample_rate)
            try:
                decoded = packet.decode()
            except failures():
                self._note_damage()
                continue
            number = flac_sample(bytes(packet)[:16]) if layout.format == "FLAC" and packet.size else None
            for frame in decoded:
                if (found := _kind_of(frame)) != kind:
                    # Also where a stream changes its rate or channels on the way.
                    kind = found
                    resampler = av.AudioResampler("flt", speakers, layout.sample_rate)
                time = _time_of(frame) if number is None else Fraction(number, layout.sample_rate)
                number = None  # of the packet's first frame
                for ready in resampler.resample(frame):
                    samples = np.asarray(ready.to_ndarray(), np.float32).reshape(-1, layout.channels)
                    yield (None if time is None else time + Fraction(before, layout.sample_rate)), samples
                    time = None

    def _codec(self) -> str:
        """FFmpeg's name of the codec; that of MP3 takes layer II too, which some containers do not name."""
        named: str = self._stream.codec_context.name
        header = bytes(self._ahead[0])[:4] if self._ahead and self._ahead[0] is not None else b""
        return "mp2" if layer_of(header) == 2 else named

    def _packets(self) -> Iterator["Packet[AudioStream]"]:
        """The packets of the sound, with those that were looked at ahead."""
        yield from (packet for packet in self._ahead if packet is not None)
        yield from self._demuxed()

    def _demuxed(self) -> Iterator["Packet[AudioStream]"]:
        """What the container gives from here on; one that cannot be read ends it."""
        try:
            yield from self._container.demux(self._stream)
        except failures():
            self._note_damage()

    def _header_was_empty(self) -> bool:
        """Whether this is a WAV file whose recorder never wrote the length."""
        if self.layout.format != "WAV" or is_pipe(self._path):
            return False
        found = riff_map(self._path)
        return found is not None and found.unfinished and found.data_bytes == 0

    def _note_damage(self) -> None:
        if len(self._damaged) < 100:
            self._damaged.append(self._at)

    def _check(self, samples: Float32) -> None:
        bad = np.flatnonzero(~np.isfinite(samples).all(axis=1))
        if len(bad):
            bad_s = (self._at + bad[0]) / self.layout.sample_rate
            raise InputError(
                f"{self._path} holds NaN or infinity at {bad_s:.2f} s: "
                "replace these samples, or export it again as 16-bit or 24-bit PCM"
            )

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _kind_of(frame: "AudioFrame") -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _time_of(frame: "AudioFrame") -> Fraction | None:
    """When a frame starts, in seconds of the container's clock."""
    if frame.pts is None or frame.time_base is None:
        return None
    return frame.pts * Fraction(frame.time_base)


def _promised_frames(container: Any, stream: Any, path: Path) -> int:
    """The length that a file announces, where it does and stands by it; 0 where it is only an estimate."""
    name = container.format.name
    if is_pipe(path) or not has_length(name, path):
        return 0
    if name in ("matroska,webm", "asf") and not container.streams.video:
        seconds = Fraction(container.duration or 0, 1_000_000)
    else:
        seconds = (stream.duration or 0) * Fraction(stream.time_base or 0)
    return max(0, round(seconds * stream.codec_context.rate))


def _silence(frames: int, channels: int) -> Iterator[Float32]:
    """Silence in pieces of bounded size."""
    while frames > 0:
        count = min(frames, 65_536)
        yield np.zeros((count, channels), np.float32)
        frames -= count

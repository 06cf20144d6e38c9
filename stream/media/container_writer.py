"""Sound encoded by FFmpeg into any container, with tags, bit rate and whatever else came with it."""

from collections.abc import Mapping
from fractions import Fraction
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ...core.arrays import Float32
from ...errors import InputError
from .companions import Companions
from .ffmpeg import failures, reason
from .formats import CONTAINERS, ENCODERS, is_lossy
from .layout import AudioLayout
from .sources import Once

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

#: Places of so many channels as the encoders want them. FFmpeg would mix channels of one place into another.
_SPEAKERS = {1: ("mono",), 2: ("stereo",), 3: ("3.0",), 4: ("quad", "4.0"), 5: ("5.0", "5.0(side)")} | {
    6: ("5.1", "5.1(side)"),
    7: ("6.1", "6.1(back)"),
    8: ("7.1", "7.1(wide)"),
}
_MOST_CHANNELS = {"MPEG_LAYER_III": 2, "MP2": 2, "AMR_NB": 1, "WMAV1": 2, "WMAV2": 2}
#: What an encoder gets where the source tells no bit rate, in bits a second for each channel.
_DEFAULT_BIT_RATE = 96_000


class ContainerWriter:
    """An output of FFmpeg's in the making.

    Args:
        stream: what it is written to; not closed here.
        layout: what it holds; a rate that the codec cannot have is converted to one that it can.
        start_s: when the sound starts, in seconds of the companions' clock.
        tags: title and the like.
        companions: what is copied beside the sound.

    Attributes:
        sample_rate: of the file, in Hz: that of `layout` where the codec can have it.

    Raises:
        InputError: the codec cannot hold the sound, with the reason.
    """

    def __init__(
        self,
        stream: IO[bytes] | Once,
        layout: AudioLayout,
        start_s: float = 0.0,
        tags: Mapping[str, str] | None = None,
        companions: Companions | None = None,
    ) -> None:
        import av

        self._layout = layout
        self._companions = companions
        self._start_s = start_s
        self._at = 0
        most = _MOST_CHANNELS.get(layout.subtype, layout.channels)
        if layout.channels > most:
            raise InputError(
                f"{layout.format} holds {most} channels at most, not {layout.channels}: "
                "choose an output such as NAME.flac or NAME.wav"
            )
        codec = av.Codec(_encoder(layout), "w")
        rates = [8_000] if layout.subtype == "AMR_NB" else codec.audio_rates
        self.sample_rate = _nearest_rate(layout.sample_rate, rates) if rates else layout.sample_rate
        self._output = av.open(stream, "w", format=CONTAINERS[layout.format].muxer)
        try:
            if companions is None:
                self._sound = self._opened(codec.name)
            else:
                companions.add_to(self._output, layout.format, lambda: self._add_sound(codec.name))
            self._output.metadata.update(tags or {})
            self._output.start_encoding()
        except InputError:
            self._output.close()
            raise
        except failures() as error:
            self._output.close()
            raise InputError(_refusal(layout, reason(error))) from error
        speakers = self._sound.codec_context.layout.name
        self._speakers = speakers
        self._resampler = av.AudioResampler(self._sound.codec_context.format, speakers, self.sample_rate)

    def _add_sound(self, encoder: str) -> "AudioStream":
        self._sound = self._opened(encoder)
        return self._sound

    def _opened(self, encoder: str) -> "AudioStream":
        """The stream of the sound with its encoder open: with the first places of channels that it takes."""

        layout = self._layout
        names = (layout.speakers, *_SPEAKERS.get(layout.channels, (f"{layout.channels} channels",)))
        sound: Any = self._output.add_stream(encoder, rate=self.sample_rate)
        context = sound.codec_context
        context.time_base = sound.time_base = Fraction(1, self.sample_rate)
        context.format = _sample_format(encoder, layout.subtype)
        if is_lossy(layout.subtype):
            context.bit_rate = _bit_rate(layout)
        if encoder == "libopus":
            context.options = {"vbr": "constrained"}  # the source's bit rate is one that was measured
        failure: Exception = ValueError("no such number of channels")
        for name in filter(None, names):
            try:
                context.layout = name
                context.open(strict=False)
            except failures() as error:
                failure = error
            else:
                return sound
        raise failure

    def write(self, block: Float32) -> None:
        """Append samples, float32 ``[n, channels]``; formats of whole numbers clip them to [-1, 1]."""
        if not len(block):
            return
        import av

        fine = self._layout.subtype in ("FLOAT", "DOUBLE")
        clipped = np.asarray(block if fine else np.clip(block, -1.0, 1.0), np.float32)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(clipped.reshape(1, -1)), format="flt", layout=self._speakers
        )
        frame.sample_rate = self._layout.sample_rate
        frame.time_base = Fraction(1, self._layout.sample_rate)
        frame.pts = self._at + round(self._start_s * self._layout.sample_rate)
        self._at += len(block)
        self._encode(frame)

    def _encode(self, frame: object) -> None:
        time_s = self._start_s + self._at / self._layout.sample_rate
        if self._companions is not None:
            self._companions.copy_until(self._output, time_s)
        for packet in self._sound.encode(frame):  # type: ignore[arg-type]
            self._output.mux(packet)

    def finish(self) -> None:
        """Write all that is left, and the index."""
        for packet in self._sound.encode(None):
            self._output.mux(packet)
        if self._companions is not None:
            self._companions.copy_until(self._output, float("inf"))
        self._output.close()

    def abandon(self) -> None:
        """Let go of the output; what was written of it is of no use."""
        self._output.close()


def _encoder(layout: AudioLayout) -> str:
    return "flac" if layout.format == "FLAC" else ENCODERS[layout.subtype]


def _bit_rate(layout: AudioLayout) -> int:
    """That of the source, within what the codec can have."""
    rate = layout.bit_rate or _DEFAULT_BIT_RATE * layout.channels
    if layout.subtype == "OPUS":
        return min(max(rate, 6_000), 256_000 * layout.channels)
    return rate


def _sample_format(encoder: str, subtype: str) -> str:
    """The encoder's sample format for a subtype: the finest that it needs."""
    import av

    names = [form.name for form in av.Codec(encoder, "w").audio_formats or ()]
    fine = subtype.endswith(("_24", "_32"))
    wanted = ("s32", "s32p", "fltp", "flt") if fine else ("fltp", "flt", "s16", "s16p")
    return next((name for name in wanted if name in names), names[0])


def _nearest_rate(rate: int, rates: list[int]) -> int:
    """The rate itself where the codec has it, else the next above, else the highest."""
    above = [candidate for candidate in rates if candidate >= rate]
    return min(above) if above else max(rates)


def _refusal(layout: AudioLayout, reason: str) -> str:
    return (
        f"{layout.format} {layout.subtype} cannot hold {layout.channels} channels at {layout.sample_rate} Hz "
        f"({reason}): choose an output such as NAME.flac or NAME.wav"
    )

"""Small files of every kind for tests, written by PyAV and soundfile alone."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import soundfile

Sound = npt.NDArray[np.float32]

#: By extension: FFmpeg's encoder and the sample rate.
ENCODED = {
    "m4a": ("aac", 44_100),
    "mov": ("aac", 16_000),
    "mp4": ("aac", 48_000),
    "mkv": ("libopus", 48_000),
    "webm": ("libopus", 48_000),
    "mka": ("flac", 16_000),
    "ts": ("mp2", 32_000),
    "avi": ("libmp3lame", 44_100),
    "aac": ("aac", 16_000),
    "wma": ("wmav2", 44_100),
    "amr": ("libopencore_amrnb", 8_000),
    "ac3": ("ac3", 32_000),
    "opus": ("libopus", 48_000),
    "flac": ("flac", 16_000),
    "mp3": ("libmp3lame", 44_100),
}
_MUXERS = {"m4a": "ipod", "mka": "matroska", "mkv": "matroska", "ts": "mpegts", "aac": "adts", "wma": "asf"}
#: By extension: libsndfile's format and subtype.
PLAIN = {
    "wav": ("WAV", "PCM_16"),
    "aiff": ("AIFF", "PCM_24"),
    "au": ("AU", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "rf64": ("RF64", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
}
WITH_PICTURES = ("mp4", "mov", "mkv", "avi", "ts")


def speech_like(seconds: float, rate: int, channels: int = 1) -> Sound:
    """Noise below 3 kHz in bursts, float32 ``[n, channels]``: its correlation has one sharp peak."""
    rng = np.random.default_rng(0)
    count = round(seconds * rate)
    spectrum = np.fft.rfft(rng.standard_normal((count, channels)), axis=0)
    spectrum[np.fft.rfftfreq(count, 1 / rate) > 3_000] = 0
    signal = np.fft.irfft(spectrum, count, axis=0)
    bursts = 1 + np.sin(np.arange(count) * 20 / rate)[:, None]
    return (0.15 * bursts * signal / np.abs(signal).max()).astype(np.float32)


def write_sample(path: Path, seconds: float = 1.0, pictures: bool | None = None, **options: Any) -> Sound:
    """Write a file of the kind that its extension names; gives the sound that went in.

    Args:
        path: where.
        seconds: of sound.
        pictures: with a video stream; None: where the kind usually has one.
        options: for `encode`.
    """
    kind = path.suffix.lstrip(".")
    if kind in PLAIN:
        container, subtype = PLAIN[kind]
        sound = speech_like(seconds, 16_000)
        soundfile.write(path, sound, 16_000, format=container, subtype=subtype)
        return sound
    encoder, rate = ENCODED[kind]
    sound = speech_like(seconds, rate, options.pop("channels", 1))
    encode(path, encoder, rate, sound, kind in WITH_PICTURES if pictures is None else pictures, **options)
    return sound


def encode(
    path: Path,
    encoder: str,
    rate: int,
    sound: Sound,
    pictures: bool = False,
    *,
    late_s: float = 0.0,
    bit_rate: int = 0,
    tags: Mapping[str, str] | None = None,
    second_track: bool = False,
) -> None:
    """Encode sound, and pictures of a moving bar at 25 a second that start `late_s` after it."""
    kind = path.suffix.lstrip(".")
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[sound.shape[1]]
    with av.open(str(path), "w", format=_MUXERS.get(kind, kind)) as output:
        output.metadata.update(tags or {})
        video: Any = output.add_stream("mpeg4", rate=25) if pictures else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        streams: list[Any] = [
            output.add_stream(encoder, rate=rate, layout=layout) for _ in range(1 + second_track)
        ]
        for stream in streams:
            stream.codec_context.bit_rate = bit_rate or 64_000 * sound.shape[1]
            if encoder == "libopencore_amrnb":
                stream.codec_context.bit_rate = 12_200
        if video is not None:
            for number in range(round(25 * len(sound) / rate)):
                picture = np.zeros((48, 64, 3), np.uint8)
                picture[:, number % 60 : number % 60 + 4] = 255
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.time_base, frame.pts = Fraction(1, 25), number + round(25 * late_s)
                output.mux(video.encode(frame))
            output.mux(video.encode(None))
        for stream in streams:
            piece = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(sound.reshape(1, -1)), format="flt", layout=layout
            )
            piece.sample_rate, piece.time_base, piece.pts = rate, Fraction(1, rate), 0
            output.mux(stream.encode(piece))
            output.mux(stream.encode(None))

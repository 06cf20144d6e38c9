"""Formats of files: which an extension names, what each can hold, and which one an output gets."""

from dataclasses import dataclass
from pathlib import Path

import soundfile

from ...errors import InputError

#: The formats that error messages name.
FORMATS = "WAV, FLAC, OGG Vorbis, Opus, MP3, M4A, MP4, MOV, MKV, WebM"
_FINE_SUBTYPES = ("ALAC_24", "FLAC_24", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
_WITHOUT_A_CHOICE = {"ALAC", "ALAC_24", "FLAC", "FLAC_24", "ALAW", "ULAW", "FLOAT", "DOUBLE"}
_PLAIN_SUBTYPES = {"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"}


@dataclass(frozen=True)
class Container:
    """A container that FFmpeg writes.

    Attributes:
        muxer: FFmpeg's name of it.
        subtypes: the sample formats and codecs it is written with; one that does not fit becomes the first.
        pictures: whether a video stream has a place in it.
        rare: further ones, which only a source of the same kind keeps: not every player knows them there.
    """

    muxer: str
    subtypes: tuple[str, ...]
    pictures: bool = False
    rare: tuple[str, ...] = ()


_MP4_SOUND = ("AAC", "ALAC", "MPEG_LAYER_III", "AC3", "EAC3", "OPUS")
_PCM = ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
_OLD_WINDOWS = (*_PCM, "PCM_U8", "ALAW", "ULAW", "ADPCM_MS", "ADPCM_IMA_WAV")
#: By the name that `AudioLayout.format` has. WAV is written by FFmpeg into pipes only.
CONTAINERS = {
    "FLAC": Container("flac", ("PCM_16", "PCM_24")),
    "MP3": Container("mp3", ("MPEG_LAYER_III",)),
    "OGG": Container("ogg", ("OPUS",), rare=("FLAC", "FLAC_24")),
    "WAV": Container("wav", (*_PCM, "PCM_U8")),
    "M4A": Container("ipod", ("AAC", "ALAC"), rare=("ALAC_24", "AC3")),
    "MP4": Container("mp4", _MP4_SOUND, pictures=True, rare=("ALAC_24", "FLAC", "FLAC_24", *_PCM)),
    "MOV": Container(
        "mov",
        (*_MP4_SOUND[:-1], "PCM_16", "PCM_24"),
        pictures=True,
        rare=("ALAC_24", "MP2", *_PCM, "PCM_U8", "ALAW", "ULAW", "ADPCM_IMA_QT"),
    ),
    "3GP": Container("3gp", ("AAC", "AMR_NB"), pictures=True),
    "MKV": Container(
        "matroska",
        ("AAC", "OPUS", "PCM_16", "FLAC", *_MP4_SOUND[1:-1], "MP2"),
        pictures=True,
        rare=("ALAC_24", "FLAC_24", *_PCM, "PCM_U8"),
    ),
    "WEBM": Container("webm", ("OPUS",), pictures=True),
    "TS": Container("mpegts", ("AAC", "MP2", "AC3", "EAC3", "MPEG_LAYER_III"), pictures=True, rare=("OPUS",)),
    "MPEG": Container("mpeg", ("MP2", "AC3"), pictures=True, rare=("MPEG_LAYER_III",)),
    "AVI": Container(
        "avi",
        ("MPEG_LAYER_III", "PCM_16", "AC3", "MP2"),
        pictures=True,
        rare=(*_OLD_WINDOWS, "AAC"),
    ),
    "AAC": Container("adts", ("AAC",)),
    "WMA": Container(
        "asf",
        ("WMAV2", "WMAV1"),
        pictures=True,
        rare=(*_OLD_WINDOWS, "MPEG_LAYER_III", "AC3", "AAC"),
    ),
    "AMR": Container("amr", ("AMR_NB",)),
    "AC3": Container("ac3", ("AC3",)),
    "MP2": Container("mp2", ("MP2",)),
}
_IN_OGG = ("VORBIS", *CONTAINERS["OGG"].subtypes, *CONTAINERS["OGG"].rare)
#: FFmpeg's encoder of each codec, and the name that its decoders report where that differs.
ENCODERS = {
    "AAC": "aac",
    "ALAC": "alac",
    "ALAC_24": "alac",
    "AC3": "ac3",
    "EAC3": "eac3",
    "ADPCM_MS": "adpcm_ms",
    "ADPCM_IMA_WAV": "adpcm_ima_wav",
    "ADPCM_IMA_QT": "adpcm_ima_qt",
    "ALAW": "pcm_alaw",
    "ULAW": "pcm_mulaw",
    "AMR_NB": "libopencore_amrnb",
    "MPEG_LAYER_III": "libmp3lame",
    "MP2": "mp2",
    "OPUS": "libopus",
    "WMAV1": "wmav1",
    "WMAV2": "wmav2",
    "FLAC": "flac",
    "FLAC_24": "flac",
    "PCM_U8": "pcm_u8",
    "PCM_16": "pcm_s16le",
    "PCM_24": "pcm_s24le",
    "PCM_32": "pcm_s32le",
    "FLOAT": "pcm_f32le",
    "DOUBLE": "pcm_f64le",
}

#: The extensions, the usual one of a format first.
_BY_EXTENSION = {
    ".wav": "WAV",
    ".flac": "FLAC",
    ".ogg": "OGG",
    ".oga": "OGG",
    ".opus": "OGG",
    ".mp3": "MP3",
    ".aif": "AIFF",
    ".aiff": "AIFF",
    ".au": "AU",
    ".caf": "CAF",
    ".w64": "W64",
    ".rf64": "RF64",
    ".m4a": "M4A",
    ".m4b": "M4A",
    ".mp4": "MP4",
    ".m4v": "MP4",
    ".mov": "MOV",
    ".3gp": "3GP",
    ".mkv": "MKV",
    ".mka": "MKV",
    ".webm": "WEBM",
    ".weba": "WEBM",
    ".ts": "TS",
    ".mts": "TS",
    ".m2ts": "TS",
    ".mpg": "MPEG",
    ".mpeg": "MPEG",
    ".avi": "AVI",
    ".aac": "AAC",
    ".wma": "WMA",
    ".wmv": "WMA",
    ".asf": "WMA",
    ".amr": "AMR",
    ".ac3": "AC3",
    ".mp2": "MP2",
}


def format_of(path: Path) -> str | None:
    """The format that the extension of a file names; None if it names none."""
    return _BY_EXTENSION.get(path.suffix.lower())


def extension_of(format_name: str) -> str:
    """The usual extension of a format, ``.wav`` where it has none of its own."""
    return next((extension for extension, name in _BY_EXTENSION.items() if name == format_name), ".wav")


def written_by_ffmpeg(format_name: str, subtype: str) -> bool:
    """Whether FFmpeg writes this format, with tags and bit rate; libsndfile writes the others."""
    return format_name in CONTAINERS and format_name != "WAV" and (format_name, subtype) != ("OGG", "VORBIS")


def holds_pictures(format_name: str) -> bool:
    """Whether a video stream has a place in this format."""
    return format_name in CONTAINERS and CONTAINERS[format_name].pictures


def holds_cover(format_name: str) -> bool:
    """Whether FFmpeg writes a picture on the cover of this format."""
    return format_name in ("MP3", "FLAC", "M4A", "MP4")


def is_lossy(subtype: str) -> bool:
    """Whether a bit rate is a choice in this sample format."""
    return subtype not in _WITHOUT_A_CHOICE and not subtype.startswith(("PCM_", "ADPCM_"))


def choose_piped(named: Path, source_subtype: str) -> tuple[str, str]:
    """The format and subtype for what goes into a pipe, by the extension in a name.

    Raises:
        InputError: the extension names nothing that can go into a pipe.
    """
    name = format_of(named)
    if name not in CONTAINERS:
        raise InputError(f"{named}: no such format can go into a pipe: choose .wav or .flac")
    return name, _kept_subtype(CONTAINERS[name], source_subtype)


def choose_format(output: Path, source: Path, source_format: str, source_subtype: str) -> tuple[str, str]:
    """The format and subtype for an output.

    With the extension of its source it gets the format of its source; with another one that names a format,
    that format, at the source's resolution where it can hold it.

    Raises:
        InputError: an extension that names no format that can be written.
    """
    same_kind = output.suffix.lower() == source.suffix.lower()
    named = format_of(output)
    if same_kind:
        by_ffmpeg = written_by_ffmpeg(source_format, source_subtype)
        if by_ffmpeg and named is None:
            return source_format, source_subtype
        if not by_ffmpeg and soundfile.check_format(source_format, source_subtype):
            return source_format, source_subtype
    if named is None:
        raise InputError(
            f"{output}: the extension {output.suffix.lower()!r} names no format that can be written "
            f"({FORMATS}): choose an output such as NAME.wav or NAME.flac"
        )
    if same_kind and source_format == "OGG" and source_subtype in _IN_OGG:
        return "OGG", source_subtype
    if named == "OGG":
        return "OGG", "OPUS" if output.suffix.lower() == ".opus" or source_subtype == "OPUS" else "VORBIS"
    if written_by_ffmpeg(named, ""):
        container = CONTAINERS[named]
        if same_kind and source_subtype in container.rare:
            return named, source_subtype
        return named, _kept_subtype(container, source_subtype)
    return named, _plain_subtype(named, source_subtype)


def _kept_subtype(container: Container, source_subtype: str) -> str:
    """The source's own, where the container holds it and FFmpeg encodes it."""
    if source_subtype in container.subtypes:
        return source_subtype
    if source_subtype in _FINE_SUBTYPES and "PCM_24" in container.subtypes:
        return "PCM_24"
    return container.subtypes[0]


def _plain_subtype(format_name: str, source_subtype: str) -> str:
    # Only plain samples move to another container: an MP3 should become a plain WAV, not MP3 inside WAV.
    if source_subtype in _PLAIN_SUBTYPES and soundfile.check_format(format_name, source_subtype):
        return source_subtype
    if source_subtype in _FINE_SUBTYPES and soundfile.check_format(format_name, "PCM_24"):
        return "PCM_24"
    return str(soundfile.default_subtype(format_name))

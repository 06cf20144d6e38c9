"""PyAV, which is FFmpeg: containers opened safely, and what their parts are called here."""

from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError
from .sources import Once, Seekable

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

#: The demuxers that may look at a file: recordings, no play lists and no series of pictures.
_DEMUXERS = (
    "3gp,aa,aac,ac3,adts,aiff,alaw,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,dv,eac3,f4v,flac,flv,gsm,h264,hevc,"
    "ivf,latm,loas,m4a,m4v,matroska,mjpeg,mlp,mov,mp2,mp3,mp4,mpc,mpc8,mpeg,mpegts,mpegvideo,mulaw,mxf,nut,ogg,"
    "oma,rm,sox,tak,truehd,tta,voc,vqf,w64,wav,webm,wsd,wv,xwma"
)
#: A file must not make FFmpeg open others: a play list with the name of a recording may hold addresses.
_ALONE = {"protocol_whitelist": "none", "format_whitelist": _DEMUXERS}
#: Containers whose clock starts anywhere; in all others time 0 is the start of the recording.
_FREE_RUNNING = ("mpegts", "mpeg", "rtp")
_FORMATS = {
    "flac": "FLAC",
    "mp3": "MP3",
    "ogg": "OGG",
    "wav": "WAV",
    "w64": "W64",
    "aiff": "AIFF",
    "au": "AU",
    "caf": "CAF",
    "avi": "AVI",
    "mpegts": "TS",
    "mpeg": "MPEG",
    "aac": "AAC",
    "asf": "WMA",
    "amr": "AMR",
    "ac3": "AC3",
    "mov,mp4,m4a,3gp,3g2,mj2": "M4A",
    "matroska,webm": "MKV",
}
_SUBTYPES = {
    "mp3": "MPEG_LAYER_III",
    "mp3float": "MPEG_LAYER_III",
    "vorbis": "VORBIS",
    "libvorbis": "VORBIS",
    "opus": "OPUS",
    "libopus": "OPUS",
    "amrnb": "AMR_NB",
    "libopencore_amrnb": "AMR_NB",
    "amrwb": "AMR_WB",
    "libopencore_amrwb": "AMR_WB",
    "ac3_fixed": "AC3",
    "pcm_u8": "PCM_U8",
    "pcm_s8": "PCM_S8",
    "pcm_s16le": "PCM_16",
    "pcm_s16be": "PCM_16",
    "pcm_s24le": "PCM_24",
    "pcm_s24be": "PCM_24",
    "pcm_s32le": "PCM_32",
    "pcm_s32be": "PCM_32",
    "pcm_f32le": "FLOAT",
    "pcm_f32be": "FLOAT",
    "pcm_f64le": "DOUBLE",
    "pcm_f64be": "DOUBLE",
    "pcm_alaw": "ALAW",
    "pcm_mulaw": "ULAW",
}


def failures() -> tuple[type[Exception], ...]:
    """What FFmpeg, and a stream that it seeks in, raise for a file that is not as it should be."""
    import av

    return (av.FFmpegError, OSError, ValueError, OverflowError)


class NoContainerError(InputError):
    """What FFmpeg makes nothing of."""


def open_container(stream: Seekable | Once, name: Path) -> "InputContainer":
    """Open a file or pipe as a container of FFmpeg's.

    Args:
        stream: what it is read from; the caller closes it after the container.
        name: for the message.

    Raises:
        NoContainerError: not a container, or a damaged one.
        InputError: PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise InputError(
            f"{name} needs PyAV: pip install av, or convert the file to WAV or FLAC first ({error})"
        ) from error
    try:
        # Not strict about tags: their bytes may be of any encoding.
        return av.open(stream, "r", container_options=_ALONE, metadata_errors="replace")
    except failures() as error:
        raise NoContainerError(f"{name} cannot be read ({reason(error)})") from error


def reason(error: Exception) -> str:
    """Why FFmpeg refuses, without the number and the name of a stream."""
    return str(getattr(error, "strerror", None) or error)


def start_s(container: "InputContainer") -> float:
    """Where the clock of a container starts, in seconds: 0 but for those that start anywhere."""
    if container.start_time is None or not container.format.name.startswith(_FREE_RUNNING):
        return 0.0
    return container.start_time / 1_000_000


def format_name(container: "InputContainer", path: Path) -> str:
    """The format as `AudioLayout` names it; where several share one demuxer, the extension tells."""
    from .formats import format_of

    name = _FORMATS.get(container.format.name, container.format.name.upper())
    by_extension = format_of(path)
    shared = {"M4A": ("MP4", "MOV", "3GP", "M4A"), "MKV": ("MKV", "WEBM"), "MP3": ("MP3", "MP2")}
    if by_extension in shared.get(name, ()):
        return str(by_extension)
    return "MP4" if name == "M4A" and container.streams.video else name


def subtype_name(codec: str, format_name: str, sample_format: str) -> str:
    """The sample format or codec as `AudioLayout` names it."""
    if codec == "flac" and format_name == "FLAC":
        return "PCM_16" if sample_format.startswith("s16") else "PCM_24"
    if codec in ("alac", "flac") and not sample_format.startswith("s16"):
        return f"{codec.upper()}_24"
    return _SUBTYPES.get(codec, codec.upper())


def is_cover(stream: "VideoStream") -> bool:
    """Whether a video stream is only the picture on the cover."""
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)

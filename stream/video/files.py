"""The lips of a video file, with the container's time stamps, handed out in step with the audio."""

import math
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from heapq import heappop, heappush
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...core.arrays import UInt8
from ...errors import InputError
from ..media.ffmpeg import NoContainerError, failures, is_cover, open_container, start_s
from ..media.sources import Seekable
from ..runtimes.base import LipsKind
from .frames import LipFrame, VideoFrame
from .lips.faces import Agreement
from .lips.lip_reader import LipReader

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame as AvFrame
    from av.video.stream import VideoStream

#: Containers that say when a frame is decoded, not when it is shown.
_NO_SHOWING_TIMES = frozenset({"avi", "h264", "hevc", "m4v", "mpegvideo"})
_FALLBACK_FPS = 25.0


def read_lips(
    path: str | Path,
    face_model: str | Path | None = None,
    lips: LipsKind = "landmarks",
    origin_s: float = 0.0,
    agreement: Agreement | None = None,
) -> Generator[LipFrame, None, None]:
    """Read a video and find the speaker's lips in each of its frames.

    Everything that FFmpeg reads will do (mp4, mkv, webm, avi, mpg, ...), at any and at varying frame
    rates; rotated phone videos come upright. One frame is in memory at a time.

    Args:
        path: the video file.
        face_model: path of ``face_landmarker.task``; None looks it up (see `find_face_model`).
        lips: as in `LipReader`.
        origin_s: what counts as time 0, in seconds of the container's clock.
        agreement: as in `LipReader`, of times that count so.

    Returns:
        An iterator over all frames in the order of their time stamps; those without a usable face show no
        lips. Close it (``contextlib.closing``) where it may not run to its end: MediaPipe complains if
        Python exits while its graph is open.

    Raises:
        InputError: the video is missing or unreadable, or the face model cannot be had. Raised by the call
            itself, before the first frame is asked for.
    """
    frames = read_frames(path, origin_s)
    heard = None if agreement is None else lambda times_s, mouth: agreement(times_s - origin_s, mouth)
    return _lip_frames(frames, LipReader(lips, face_model, heard), origin_s)


def read_frames(path: str | Path, origin_s: float = 0.0) -> Generator[VideoFrame, None, None]:
    """Read the frames of a video, otherwise as `read_lips`; one that is damaged is left out.

    Raises:
        InputError: the video is missing or unreadable; raised by the call itself.
    """
    video = Path(path)
    if not video.is_file():
        raise InputError(f"video {video} does not exist or is not a file")
    frames = _decoded(video, origin_s)
    first = next(frames, None)  # which opens the file
    if first is None:
        raise InputError(f"video {video} cannot be read: no video in it, damaged, or an unsupported codec")
    return _with_first(first, frames)


def _with_first(
    first: VideoFrame, frames: Generator[VideoFrame, None, None]
) -> Generator[VideoFrame, None, None]:
    with closing(frames):
        yield first
        yield from frames


def _lip_frames(
    frames: Generator[VideoFrame, None, None], reader: LipReader, origin_s: float
) -> Generator[LipFrame, None, None]:
    """The lips of each frame; closes both."""
    with closing(frames), reader:
        for sequence, frame in enumerate(frames, 1):
            seen = reader.look(VideoFrame(frame.time_s + origin_s, frame.rgb))  # which never is below 0
            lips = seen if isinstance(seen, LipFrame) else LipFrame(sequence, frame.time_s)
            yield replace(lips, sequence=sequence, time_s=frame.time_s)


def _decoded(video: Path, origin_s: float) -> Generator[VideoFrame, None, None]:
    """The frames of a video file, none where it has no video; closes it."""
    with closing(Seekable(video.open("rb"))) as file:
        try:
            container = open_container(file, video)
        except NoContainerError:
            return
        with container:
            pictures = [stream for stream in container.streams.video if not is_cover(stream)]
            if not pictures:
                return
            stream = pictures[0]
            stream.thread_type = "AUTO"
            zero_s = origin_s + start_s(container)
            last_s = -math.inf
            period_s = 1 / float(stream.average_rate or _FALLBACK_FPS)
            for stamp_s, frame in _stamped(container, stream):
                time_s = last_s + period_s if stamp_s is None else stamp_s - zero_s
                if last_s == -math.inf == time_s:  # not even the first one has a time stamp
                    time_s = 0.0
                if time_s <= last_s:
                    time_s = last_s + period_s
                last_s = time_s
                yield VideoFrame(time_s, _upright(frame))


def _stamped(container: "InputContainer", stream: "VideoStream") -> Iterator[tuple[float | None, "AvFrame"]]:
    """Each frame in the order of showing, with its time in seconds of the container's clock if it has one."""
    showing_times = container.format.name not in _NO_SHOWING_TIMES
    decoding: list[float] = []
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except failures():
            return
        if packet is None:
            return
        dts_s = None if packet.dts is None or not packet.time_base else float(packet.dts * packet.time_base)
        try:
            frames = packet.decode()
        except failures():
            continue
        if dts_s is not None and packet.size:
            heappush(decoding, dts_s)
        for frame in frames:
            # The n-th frame that is shown has the n-th time of decoding.
            decoded_s = heappop(decoding) if decoding else None
            yield (frame.time if showing_times else decoded_s), frame


def _upright(frame: "AvFrame") -> UInt8:
    """The picture as it is to be seen, RGB: phones store it lying and say so."""
    rgb = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    return np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90)))

"""A frame processor for LiveKit audio streams (package ``livekit``; used by ``livekit-agents`` too).

    from lipstream.stream.integrations.livekit import LipstreamProcessor

    processor = LipstreamProcessor()
    stream = rtc.AudioStream.from_track(track=track, noise_cancellation=processor)
    watching = asyncio.create_task(processor.watch(rtc.VideoStream(video_track, capacity=1)))  # for lips

With LiveKit Agents: ``AudioInputOptions(noise_cancellation=LipstreamProcessor())``.
"""

import asyncio
from collections.abc import AsyncIterable
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from ...core.arrays import Int16, UInt8
from ...errors import InputError
from ..controls import NO_LIMIT_DB, Controlled
from ..defaults import AUTO, DEFAULT_MODEL
from ..video.frames import LipFrame
from .lips_worker import LipsWorker
from .pcm import PcmEnhancer

try:
    from livekit.rtc import AudioFrame, FrameProcessor, VideoBufferType, VideoFrame, VideoFrameEvent
except ImportError as error:
    raise InputError(
        f"lipstream.stream.integrations.livekit needs LiveKit's SDK: pip install 'livekit>=1.1' ({error})"
    ) from error

#: Formats of pictures, and where in a pixel red, green and blue are.
_FORMATS = {
    VideoBufferType.RGB24: [0, 1, 2],
    VideoBufferType.RGBA: [0, 1, 2],
    VideoBufferType.ARGB: [1, 2, 3],
    VideoBufferType.BGRA: [2, 1, 0],
    VideoBufferType.ABGR: [3, 2, 1],
}


class LipstreamProcessor(Controlled, FrameProcessor[AudioFrame]):
    """Cleans the frames of audio streams, one stream after the other, of any rate and number of channels.

    When LiveKit closes it with a stream, the next stream's frames begin anew on the same model. While
    `enabled` is False, LiveKit passes frames by, undelayed, and the stream begins again when it is True
    again. To compare before and after without a jump in time, set `bypass` instead.

    Args:
        model, runtime, atten_limit_db: as for `lipstream.Enhancer`.
        face_model: path of MediaPipe's ``face_landmarker.task``, for lips; None finds or fetches it.

    Raises:
        InputError: a wrong setting; also for a frame whose rate is not from 6 to 192 kHz.
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        runtime: str = AUTO,
        atten_limit_db: float = NO_LIMIT_DB,
        face_model: str | Path | None = None,
    ) -> None:
        self._pcm = PcmEnhancer(model, runtime, atten_limit_db)
        self._lips = LipsWorker(self._pcm.lips, face_model)
        self.controls = self._pcm.controls
        self._enabled = True
        self._closed = False

    @property
    def enabled(self) -> bool:
        return self._enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        if value and not self._enabled:
            self._pcm.reset()
        self._enabled = value

    @property
    def latency_ms(self) -> float:
        """How far the output lags the input, at the rate of the last frame."""
        return self._pcm.latency_ms

    @property
    def alpha(self) -> float:
        """Confidence in the lips at the last hop, in [0, 1]."""
        return self._pcm.alpha

    async def watch(self, video: AsyncIterable[VideoFrameEvent]) -> None:
        """Read the lips of a video stream until it ends; to run as a task beside the audio stream.

        Lips are read in a thread; a picture that comes while another is being read is left out.

        Args:
            video: an ``rtc.VideoStream`` of the speaker; ``capacity=1`` lets it drop what is old.

        Raises:
            InputError: the extra ``video`` is not installed, or the face model cannot be had.
        """
        try:
            await self.load_lips()
            async for event in video:
                self.see(event.frame, cast(int, event.rotation))
        finally:
            await asyncio.wrap_future(self._lips.close())

    async def load_lips(self) -> None:
        """Load what reads lips, rather than with the first picture; `watch` does it.

        Raises:
            InputError: the extra ``video`` is not installed, or the face model cannot be had.
        """
        await self._lips.load()

    def see(self, picture: VideoFrame, rotation: int = 0) -> None:
        """Take the next picture of the speaker's video; returns at once, as its lips are read in a thread.

        It counts as captured now. It is left out after LiveKit closed the audio stream, until the next one's
        first frame, while `video` is False, and while the picture before it is being read. What is wrong with
        it is logged as a warning.

        Args:
            picture: I420 or RGB24, or with alpha in any order. Needs the extra ``video``.
            rotation: by so many right angles clockwise it is to be turned upright, as LiveKit counts them.
        """
        if not self._closed and self._enabled and self.video:
            captured = self._pcm.now
            self._lips.read(partial(_rgb, picture, rotation), lambda frame: self._pcm.show(frame, captured))

    def show(self, frame: LipFrame) -> None:
        """In place of `see`: lips as `lipstream.LipReader` gives them, to count from now on; from any thread.

        Raises:
            InputError: they are not of the kind that the model sees.
        """
        self._pcm.show(frame)

    def flush(self) -> AudioFrame:
        """The last `latency_ms` of the stream, for callers that record; the next frame begins a new one."""
        return _frame(self._pcm.flush(), self._pcm.sample_rate, self._pcm.channels, {})

    def _process(self, frame: AudioFrame) -> AudioFrame:
        if not self._enabled:
            return frame
        self._closed = False
        samples = self._pcm.process(frame.data, frame.sample_rate, frame.num_channels)
        return _frame(samples, frame.sample_rate, frame.num_channels, frame.userdata)

    def _on_stream_info_cleared(self) -> None:
        self._pcm.reset()

    def _close(self) -> None:
        """LiveKit's streams call this as they end, by default; others may follow."""
        self._closed = True
        self._lips.close()
        self._pcm.reset()


def _frame(samples: Int16, sample_rate: int, channels: int, userdata: dict[str, Any]) -> AudioFrame:
    return AudioFrame(samples.tobytes(), sample_rate, channels, len(samples) // channels, userdata=userdata)


def _rgb(picture: VideoFrame, rotation: int) -> UInt8:
    if picture.type == VideoBufferType.I420:
        picture = picture.convert(VideoBufferType.RGB24)
    order = _FORMATS.get(picture.type)
    if order is None:  # the SDK's convert ends the process for some of the others
        raise InputError(
            "the format of a picture must be I420, RGB24 or one of RGBA, in any order: "
            "rtc.VideoStream(track, format=rtc.VideoBufferType.RGB24)"
        )
    pixels = np.frombuffer(picture.data, np.uint8).reshape(picture.height, picture.width, -1)
    return np.ascontiguousarray(np.rot90(pixels[:, :, order], -rotation))

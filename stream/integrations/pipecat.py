"""An audio filter for Pipecat transports (package ``pipecat-ai``), with lips where there is video.

from lipstream.stream.integrations.pipecat import LipstreamFilter, LipstreamVideo

clean = LipstreamFilter()
params = TransportParams(audio_in_enabled=True, audio_in_filter=clean, video_in_enabled=True)
Pipeline([transport.input(), LipstreamVideo(clean), ...])  # without lips: no LipstreamVideo
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from ...core.arrays import UInt8
from ...errors import InputError
from ..controls import NO_LIMIT_DB
from ..defaults import AUTO, DEFAULT_MODEL
from ..video.frames import LipFrame
from .lips_worker import LipsWorker
from .pcm import PcmEnhancer

try:
    from pipecat.audio.filters.base_audio_filter import BaseAudioFilter
    from pipecat.frames.frames import (
        FilterControlFrame,
        FilterEnableFrame,
        FilterUpdateSettingsFrame,
        Frame,
        ImageRawFrame,
        InputImageRawFrame,
    )
    from pipecat.processors.frame_processor import FrameDirection, FrameProcessor, FrameProcessorSetup
except ImportError as error:
    raise InputError(
        f"lipstream.stream.integrations.pipecat needs Pipecat: pip install 'pipecat-ai>=1.0' ({error})"
    ) from error

#: What a FilterUpdateSettingsFrame may set.
_SETTINGS = ("atten_limit_db", "bypass", "video")
#: Formats of pictures, and where in a pixel red, green and blue are.
_FORMATS = {"RGB": [0, 1, 2], "RGBA": [0, 1, 2], "BGR": [2, 1, 0], "BGRA": [2, 1, 0]}

_T = TypeVar("_T")


class LipstreamFilter(BaseAudioFilter):
    """Cleans what a transport hears before anything else in the pipeline sees it; one channel.

    A FilterEnableFrame switches it off and on without a click: off, the input comes through with the same
    delay. A FilterUpdateSettingsFrame may set ``atten_limit_db``, ``bypass`` and ``video``. The model runs in
    one thread and lips are read in another, so that other work of the event loop does not wait.

    Args:
        model, runtime, atten_limit_db: as for `lipstream.Enhancer`.
        face_model: path of MediaPipe's ``face_landmarker.task``, for lips; None finds or fetches it.

    Raises:
        InputError: a wrong setting; also by `start` for a rate that is not from 6 to 192 kHz, and by `filter`
            for bytes that are no whole samples.
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
        # One thread: what is still at work when a pipeline is cancelled does not meet what comes next.
        self._thread = ThreadPoolExecutor(1, "lipstream-audio")
        self._sample_rate: int | None = None

    async def start(self, sample_rate: int) -> None:
        """Begin a stream at the transport's rate in Hz."""
        await self._in_thread(partial(self._pcm.process, b"", sample_rate))
        await self._in_thread(self._pcm.reset)
        self._sample_rate = sample_rate

    async def stop(self) -> None:
        """End the stream; `start` begins another one on the same model."""
        self._sample_rate = None
        await asyncio.wrap_future(self._lips.close())

    async def process_frame(self, frame: FilterControlFrame) -> None:
        """Take a control frame: switch the filter, or change its settings."""
        if isinstance(frame, FilterEnableFrame):
            self._pcm.controls.bypass = not frame.enable
        elif isinstance(frame, FilterUpdateSettingsFrame):
            unknown = set(frame.settings) - set(_SETTINGS)
            if unknown:
                raise InputError(f"no settings {sorted(unknown)}: choose from {', '.join(_SETTINGS)}")
            for name, value in frame.settings.items():
                setattr(self._pcm.controls, name, value)

    async def filter(self, audio: bytes) -> bytes:
        """Enhance the next samples, 16-bit, of any length: as many as came in, from `latency_ms` ago.

        Before `start` and after `stop` they come back as they are.
        """
        if self._sample_rate is None:
            return audio
        return (await self._in_thread(partial(self._pcm.process, audio, self._sample_rate))).tobytes()

    async def load_lips(self) -> None:
        """Load what reads lips, rather than with the first picture; `LipstreamVideo` does it at the start.

        Raises:
            InputError: the extra ``video`` is not installed, or the face model cannot be had.
        """
        await self._lips.load()

    def see(self, picture: ImageRawFrame) -> None:
        """Take the next picture of the speaker's video; returns at once, as its lips are read in a thread.

        It counts as captured now. It is left out between `stop` and `start`, while ``video`` is off, and
        while the picture before it is being read. What is wrong with it is logged as a warning.

        Args:
            picture: of format RGB, RGBA, BGR or BGRA. Needs the extra ``video``.
        """
        if self._sample_rate is not None and self._pcm.controls.video:
            captured = self._pcm.now
            self._lips.read(partial(_rgb, picture), lambda frame: self._pcm.show(frame, captured))

    def show(self, frame: LipFrame) -> None:
        """In place of `see`: lips as `lipstream.LipReader` gives them, to count from now on; from any thread.

        Raises:
            InputError: they are not of the kind that the model sees.
        """
        self._pcm.show(frame)

    async def flush(self) -> bytes:
        """The last `latency_ms` of the stream, for callers that record; the next samples begin a new one."""
        return (await self._in_thread(self._pcm.flush)).tobytes()

    @property
    def latency_ms(self) -> float:
        """How far the output lags the input."""
        return self._pcm.latency_ms

    @property
    def alpha(self) -> float:
        """Confidence in the lips at the last hop, in [0, 1]."""
        return self._pcm.alpha

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


class LipstreamVideo(FrameProcessor):
    """Shows a filter the pictures that pass by; everything passes on. Put it behind ``transport.input()``.

    Args:
        audio_filter: of the same transport.
        source: take only pictures of this ``transport_source``, as "camera"; None: all.
    """

    def __init__(self, audio_filter: LipstreamFilter, source: str | None = None) -> None:
        super().__init__()
        self._filter, self._source = audio_filter, source

    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]  # as Pipecat's own
        """Load what reads lips, as `LipstreamFilter.load_lips`."""
        await super().setup(setup)
        await self._filter.load_lips()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Show a picture to the filter, and pass any frame on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InputImageRawFrame) and self._source in (None, frame.transport_source):
            self._filter.see(frame)
        await self.push_frame(frame, direction)


def _rgb(picture: ImageRawFrame) -> UInt8:
    width, height = picture.size
    kind = picture.format or ""
    order = _FORMATS.get(kind)
    if order is None or len(picture.image) != height * width * len(kind):
        raise InputError(
            f"a picture {width} x {height} of {len(picture.image)} bytes in the format {picture.format}: "
            f"let the transport give {', '.join(_FORMATS)}"
        )
    pixels = np.frombuffer(picture.image, np.uint8).reshape(height, width, -1)
    return np.ascontiguousarray(pixels[:, :, order])

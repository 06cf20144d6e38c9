"""An audio filter for Pipecat transports (package ``pipecat-ai``).

from lipstream.stream.integrations.pipecat import LipstreamFilter

params = TransportParams(audio_in_enabled=True, audio_in_filter=LipstreamFilter())
"""

import asyncio

from ...errors import InputError
from ..controls import NO_LIMIT_DB
from ..runtimes import AUTO
from ..video.frames import LipFrame
from .pcm import PcmEnhancer

try:
    from pipecat.audio.filters.base_audio_filter import BaseAudioFilter
    from pipecat.frames.frames import FilterControlFrame, FilterEnableFrame, FilterUpdateSettingsFrame
except ImportError as error:
    raise InputError(
        f"lipstream.stream.integrations.pipecat needs Pipecat: pip install 'pipecat-ai>=1.0' ({error})"
    ) from error

#: What a FilterUpdateSettingsFrame may set.
_SETTINGS = ("atten_limit_db", "bypass")


class LipstreamFilter(BaseAudioFilter):
    """Cleans what a transport hears before anything else in the pipeline sees it; one channel.

    A FilterEnableFrame switches it off and on without a click: off, the input comes through with the same
    delay. A FilterUpdateSettingsFrame may set ``atten_limit_db`` and ``bypass``. The model runs in a thread,
    so that other work of the event loop does not wait.

    Args:
        model, runtime, atten_limit_db: as for `lipstream.Enhancer`.

    Raises:
        InputError: a wrong setting; also by `start` for a rate that is not from 6 to 192 kHz, and by `filter`
            for bytes that are no whole samples.
    """

    def __init__(self, model: str = "lite", runtime: str = AUTO, atten_limit_db: float = NO_LIMIT_DB) -> None:
        self._pcm = PcmEnhancer(model, runtime, atten_limit_db)
        self._sample_rate: int | None = None

    async def start(self, sample_rate: int) -> None:
        """Begin a stream at the transport's rate in Hz."""
        self._pcm.process(b"", sample_rate)
        self._pcm.reset()
        self._sample_rate = sample_rate

    async def stop(self) -> None:
        """End the stream; `start` begins another one on the same model."""
        self._sample_rate = None

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
        return (await asyncio.to_thread(self._pcm.process, audio, self._sample_rate)).tobytes()

    def show(self, frame: LipFrame) -> None:
        """Take the newest lips of the speaker's video, as `lipstream.LipReader` gives them; from any thread.

        Raises:
            InputError: they are not of the kind that the model sees.
        """
        self._pcm.show(frame)

    async def flush(self) -> bytes:
        """The last `latency_ms` of the stream, for callers that record; the next samples begin a new one."""
        return self._pcm.flush().tobytes()

    @property
    def latency_ms(self) -> float:
        """How far the output lags the input."""
        return self._pcm.latency_ms

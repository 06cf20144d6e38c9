"""A frame processor for LiveKit audio streams (package ``livekit``; used by ``livekit-agents`` too).

    from lipstream.stream.integrations.livekit import LipstreamProcessor

    stream = rtc.AudioStream.from_track(track=track, noise_cancellation=LipstreamProcessor())

With LiveKit Agents: ``AudioInputOptions(noise_cancellation=LipstreamProcessor())``.
"""

from typing import Any

from ...errors import InputError
from ..controls import NO_LIMIT_DB, Controlled
from ..runtimes import AUTO
from ..video.frames import LipFrame
from .pcm import Int16, PcmEnhancer

try:
    from livekit.rtc import AudioFrame, FrameProcessor
except ImportError as error:
    raise InputError(
        f"lipstream.stream.integrations.livekit needs LiveKit's SDK: pip install 'livekit>=1.1' ({error})"
    ) from error


class LipstreamProcessor(Controlled, FrameProcessor[AudioFrame]):
    """Cleans the frames of one audio stream, of any length, rate and number of channels.

    While `enabled` is False, LiveKit passes frames by, undelayed, and the stream begins again when it is True
    again. To compare before and after without a jump in time, set `bypass` instead.

    Args:
        model, runtime, atten_limit_db: as for `lipstream.Enhancer`.

    Raises:
        InputError: a wrong setting; also for a frame whose rate is not from 6 to 192 kHz.
    """

    def __init__(self, model: str = "lite", runtime: str = AUTO, atten_limit_db: float = NO_LIMIT_DB) -> None:
        self._pcm = PcmEnhancer(model, runtime, atten_limit_db)
        self.controls = self._pcm.controls
        self._enabled = True

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

    def show(self, frame: LipFrame) -> None:
        """Take the newest lips of the speaker's video, as `lipstream.LipReader` gives them; from any thread.

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
        samples = self._pcm.process(frame.data, frame.sample_rate, frame.num_channels)
        return _frame(samples, frame.sample_rate, frame.num_channels, frame.userdata)

    def _on_stream_info_cleared(self) -> None:
        self._pcm.reset()

    def _close(self) -> None:
        self._enabled = False


def _frame(samples: Int16, sample_rate: int, channels: int, userdata: dict[str, Any]) -> AudioFrame:
    return AudioFrame(samples.tobytes(), sample_rate, channels, len(samples) // channels, userdata=userdata)

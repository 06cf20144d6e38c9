"""Whether anybody records the virtual microphone of a session: asked now and then, for the display."""

from ..devices.endpoints import AudioSink
from ..devices.virtual_mic import VirtualMicSink
from ..dsp.clock import Clock

#: Seconds between two questions, each of which starts a process.
EVERY_S = 3.0


class ListenerWatch:
    """Asks a virtual microphone now and then who listens; of other sinks nothing is known.

    Args:
        sink: of the session.
        clock: the stream's.

    Attributes:
        listened: whether a program records it; None where that is not known.
    """

    def __init__(self, sink: AudioSink, clock: Clock) -> None:
        self._sink = sink if isinstance(sink, VirtualMicSink) else None
        self._clock = clock
        self._next_s = clock.now()
        self.listened: bool | None = None

    def look(self) -> None:
        """Ask, if it is time to."""
        if self._sink is None or self._clock.now() < self._next_s:
            return
        self.listened = self._sink.listened() if self._sink.alive else None
        self._next_s = self._clock.now() + EVERY_S

"""The estimate of the audio buffered between source and sink: one owner, to which all sides report."""

from math import inf

from ...dsp.clock import DelayLockedLoop


class BufferedAudio:
    """How much audio is on its way from source to sink, apart from what the enhancer delays.

    Both ends count by their devices' clocks, smoothed, so that blocks and late callbacks do not show. Each
    attribute is written by one side and in one piece; it calls nobody.

    Args:
        source_rate: the source's nominal rate in Hz.
        sink_rate: the sink's.

    Attributes:
        source: the source's clock, by the samples it has captured; for the capture buffer to update.
        sink: the sink's clock, by the samples it has fetched; for the playback buffer to update.
        withheld: captured samples that do not reach the worker: lost, or held back on purpose; for the
            capture buffer to set.
        concealed: samples fetched that the playback buffer did not have, less those it dropped; for the
            playback buffer to set.
        known: whether the estimate can be trusted; for the buffer control to set.
        target_s: seconds of audio to keep buffered; for the buffer control to set.
        most_s: seconds of audio that may be buffered at all; for the buffer control to set.
    """

    def __init__(self, source_rate: int, sink_rate: int) -> None:
        self.source = DelayLockedLoop(source_rate)
        self.sink = DelayLockedLoop(sink_rate)
        self._sink_rate = sink_rate
        self._ratio = sink_rate / source_rate
        self._passed = (0, 0)
        self.withheld = 0
        self.concealed = 0
        self.known = False
        self.target_s = 0.0
        self.most_s = inf

    def passed(self, taken: int, given: int) -> None:
        """The worker took so many samples from the capture buffer and gave so many for playback, in all."""
        self._passed = (taken, given)

    def settled(self, time_s: float) -> bool:
        """Whether both devices run at this time and their clocks are known."""
        return self.source.settled(time_s) and self.sink.settled(time_s)

    def seconds(self, time_s: float) -> float:
        """The estimate at this time: what a worker without delay would have given, less what was fetched."""
        taken, given = self._passed
        due = given + (self.source.samples_at(time_s) - self.withheld - taken) * self._ratio
        return (due - (self.sink.samples_at(time_s) - self.concealed)) / self._sink_rate

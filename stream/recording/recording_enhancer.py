"""An enhancer under record: what goes in and what comes out is handed on exactly as it is."""

from typing import Any

from ...core.arrays import Float32
from ..enhancer import Enhancer
from ..lips_timeline import Lips
from ..live.pipeline import LipsSource
from ..video.frames import LipFrame
from .recorder import Recorder


class WitnessedBox:
    """Gives on the lips of another box, and remembers the last that were taken. For one reader."""

    def __init__(self, box: LipsSource) -> None:
        self._box = box
        self.taken: LipFrame | None = None

    def newest_since(self, sequence: int) -> LipFrame | None:
        """The newest, if it is newer than this sequence number."""
        frame = self._box.newest_since(sequence)
        if frame is not None:
            self.taken = frame
        return frame


class RecordingEnhancer(Enhancer):
    """An `Enhancer` whose sound and lips go to a recorder as well; arguments as there.

    Attributes:
        recorder: where they go; None: nowhere.
        box: where the worker takes its lips from; they are given to `process` as they are taken.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.recorder: Recorder | None = None
        self.box: WitnessedBox | None = None
        self._taken = 0

    def process(self, chunk: Float32, lips: Lips | None = None) -> Float32:
        enhanced = super().process(chunk, lips)
        frame = self.box.taken if self.box is not None else None
        if self.recorder is not None:
            if lips is not None and frame is not None:
                assert isinstance(lips[0], LipFrame)
                assert frame.embedding is not None
                assert frame.crop is not None
                self.recorder.lips(self._taken, lips[0].time_s, frame.embedding, frame.crop)
            self.recorder.audio(chunk, enhanced)
        self._taken += len(chunk)
        return enhanced

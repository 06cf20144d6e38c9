"""An enhancer under record: what goes in and what comes out is handed on exactly as it is."""

from typing import Any, Protocol

from ...core.arrays import Float32, UInt8
from ..enhancer import Enhancer
from ..lips_timeline import Lips
from ..live.pipeline import LipsSeen
from .recorder import Recorder


class PicturedLips(LipsSeen, Protocol):
    """Lips with the crop that they were read from, uint8 ``[96, 96, 3]``."""

    @property
    def crop(self) -> UInt8: ...


class PicturedLipsBox(Protocol):
    """Where the newest lips lie: a `LipsMailbox`."""

    def newest_since(self, sequence: int) -> PicturedLips | None: ...


class WitnessedBox:
    """Gives on the lips of another box, and remembers the last that were taken. For one reader."""

    def __init__(self, box: PicturedLipsBox) -> None:
        self._box = box
        self.taken: PicturedLips | None = None

    def newest_since(self, sequence: int) -> PicturedLips | None:
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
                time_s = float(lips[0][0])
                self.recorder.lips(self._taken, time_s, frame.embedding, frame.crop)
            self.recorder.audio(chunk, enhanced)
        self._taken += len(chunk)
        return enhanced

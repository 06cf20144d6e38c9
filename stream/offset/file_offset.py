"""The offset of a file's lips: given, or measured beforehand; and what is to be told of it in the end."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from ...core.arrays import Float32
from ...errors import InputError
from ...models.store.registry import ModelName
from ..audio_files import open_audio
from ..defaults import AvOffset
from ..enhancer import Enhancer
from ..lag.av_lag import HeardSound, offset_of
from ..lag.estimator import OffsetEstimate
from ..media.sources import is_pipe
from ..runtimes import load_runtime
from ..runtimes.base import Runtime
from ..video.frames import LipFrame
from ..video.lips.feed import LipsFeed
from .watch import LEAST_MS, OffsetWatch

#: How much of a file is measured, in seconds: its landmarks are held in memory, 1 MB a minute.
MEASURED_S = 600.0


class FileOffset:
    """Sets the offset of a file's enhancers, and watches it while they run.

    Args:
        wanted: in ms, or "auto".
        source: the file with the sound; with "auto" it is read once more.
        sound: hears it, for the choice between faces.
        lips: those of its video; None: audio only.
        enhancers: one for each channel, at their start.
        model, runtime: of which they are.

    Attributes:
        ms: how late the video is taken to be.

    Raises:
        InputError: an offset out of range; "auto" for a pipe, or for a model that sees crops.
    """

    def __init__(
        self,
        wanted: AvOffset,
        source: Path,
        sound: HeardSound,
        lips: LipsFeed | None,
        enhancers: list[Enhancer],
        model: ModelName,
        runtime: str,
    ) -> None:
        self._sound, self._lips = sound, lips
        self._doubts: tuple[str, ...] = ()
        self.ms = 0.0
        if not isinstance(wanted, str):
            self.ms = wanted
        elif wanted != "auto":
            raise InputError(f"av_offset_ms must be a number of ms or 'auto', not {wanted!r}")
        elif lips is not None:
            _check_auto(source, enhancers[0])
            estimate = self._measured(source, lips, load_runtime(model, runtime))
            self._doubts = estimate.doubts
            late_ms = round(1000 * estimate.offset_s, 1)
            self.ms = late_ms if estimate.trusted and abs(late_ms) > LEAST_MS else 0.0
        for enhancer in enhancers:
            enhancer.av_offset_ms = self.ms
        self._told: list[str] = []
        self._watch = OffsetWatch(enhancers[0])

    @property
    def found_ms(self) -> float | None:
        """How late the video was when that was last found out; None if it never was."""
        return self._watch.found_ms

    def lips_until(self, now_s: float, block: Float32) -> list[LipFrame] | None:
        """The new frames for the next block, ``[n, channels]``, which ends at this time; None: no video.

        Where video is late, those of it are among them that belong to the block and come after it.
        """
        if self._lips is None:
            return None
        if now_s > self._sound.end_s:
            self._sound.hear(_mixed(block))
        return self._lips.until(now_s + max(0.0, self.ms / 1000))

    def look(self, now_s: float) -> None:
        """Look, if it is time to, how late the lips are; so many seconds of sound are done."""
        self._watch.look(now_s, self._told.append)

    def warnings(self) -> tuple[str, ...]:
        """What the user should know in the end, one line each."""
        self._watch.finish(self._told.append)
        if self._doubts:
            return (f"no offset of the lips was found ({'; '.join(self._doubts)}): they are as they come",)
        return tuple(self._told)

    def _measured(self, source: Path, lips: LipsFeed, runtime: Runtime) -> OffsetEstimate:
        """How late the lips of the first minutes are."""

        def blocks() -> Iterator[Float32]:
            for block in islice(reader.blocks(rate), round(MEASURED_S)):
                self._sound.hear(mixed := _mixed(block))
                yield mixed

        def frames() -> Iterator[LipFrame]:  # chosen by the sound, which must be heard by then
            yield from lips.ahead(MEASURED_S)

        with open_audio(source) as reader:
            rate = reader.layout.sample_rate
            return offset_of(frames(), blocks(), rate, runtime, MEASURED_S)


def _check_auto(source: Path, enhancer: Enhancer) -> None:
    if is_pipe(source):
        raise InputError("--av-offset auto reads the sound twice, which a pipe is not for: give a file")
    if enhancer.lips != "landmarks":
        raise InputError(
            "--av-offset auto needs a model that sees landmarks, as lite: give the offset in ms, "
            "as lipstream calibrate --video measures it"
        )


def _mixed(block: Float32) -> Float32:
    """The channels of a block ``[n, channels]`` in one."""
    return np.asarray(block.mean(axis=1), np.float32)

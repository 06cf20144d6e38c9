"""Lips of pictures that come in an event loop, read in a thread of its own so that nothing else waits."""

import asyncio
import logging
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from ...core.arrays import UInt8
from ...errors import InputError
from ..runtimes.base import LipsKind
from ..video.frames import LipFrame

if TYPE_CHECKING:
    from ..video.lips.lip_reader import LipReader

_LOG = logging.getLogger(__name__)


class LipsWorker:
    """Reads one picture at a time; one that comes meanwhile is left out, for the next comes soon.

    The thread and the reader begin with the first picture, again after each `close`. What fails is logged as
    one warning, and the sound goes on without lips: a reader that cannot be had (the extra ``video`` is not
    installed) is not asked for again before the next `close`.

    Args:
        lips: what the model sees, as `LipReader` takes it.
        face_model: path of MediaPipe's ``face_landmarker.task``; None finds or fetches it.
    """

    def __init__(self, lips: LipsKind, face_model: str | Path | None = None) -> None:
        self._settings = (lips, face_model)
        self._desk: _Desk | None = None

    async def load(self) -> None:
        """Open the reader now, which takes a second or more; the event loop goes on.

        Raises:
            InputError: it cannot be had.
        """
        await asyncio.wrap_future(self._begun().load())

    def read(self, picture: Callable[[], UInt8], show: Callable[[LipFrame], None]) -> None:
        """Take a picture; returns at once.

        Args:
            picture: gives it, uint8 ``[height, width, 3]`` RGB; called in the thread.
            show: gets the lips, in the thread, where there are any. Their time is that of a clock of its own.
        """
        self._begun().take(picture, show)

    def close(self) -> Future[None]:
        """Let go of thread and reader as soon as the picture at work is read; returns at once.

        Returns:
            What is done then. MediaPipe complains where the process ends before.
        """
        if self._desk is None:
            nothing: Future[None] = Future()
            nothing.set_result(None)
            return nothing
        desk, self._desk = self._desk, None
        return desk.leave()

    def _begun(self) -> "_Desk":
        if self._desk is None:
            self._desk = _Desk(*self._settings)
            weakref.finalize(self, self._desk.leave).atexit = False  # by then it would be too late
        return self._desk


class _Desk:
    """A thread and its reader."""

    def __init__(self, lips: LipsKind, face_model: str | Path | None) -> None:
        self._settings = (lips, face_model)
        self._thread = ThreadPoolExecutor(1, "lipstream-lips")
        self._at_work: Future[None] | None = None
        self._left: Future[None] | None = None
        self._reader: LipReader | None = None
        self._failed = False
        self._told: set[str] = set()

    def load(self) -> Future[None]:
        return self._thread.submit(self._load)

    def take(self, picture: Callable[[], UInt8], show: Callable[[LipFrame], None]) -> None:
        if self._at_work is None or self._at_work.done():
            self._at_work = self._thread.submit(self._read, picture, show, monotonic())

    def leave(self) -> Future[None]:
        if self._left is None:
            self._left = self._thread.submit(self._close)
            self._thread.shutdown(wait=False)
        return self._left

    def _load(self) -> None:
        self._reader = self._reader or self._opened()

    def _close(self) -> None:
        reader, self._reader, self._failed = self._reader, None, True
        if reader is not None:
            reader.close()

    def _read(self, picture: Callable[[], UInt8], show: Callable[[LipFrame], None], time_s: float) -> None:
        if self._failed:
            return
        try:
            self._load()
            assert self._reader is not None
            frame = self._reader.read(picture(), time_s, rgb=True)
            if frame is not None:
                show(frame)
        except Exception as error:  # whatever it is, the thread is not to end of it unheard
            self._failed = self._reader is None
            self._warn(error)

    def _opened(self) -> "LipReader":
        from ..video.lips.lip_reader import LipReader

        return LipReader(*self._settings)

    def _warn(self, error: Exception) -> None:
        known = isinstance(error, InputError)
        line = f"lips are not read: {error if known else repr(error)}"
        if line not in self._told:
            self._told.add(line)
            _LOG.warning(line, exc_info=None if known else error)

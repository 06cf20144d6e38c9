"""A browser's microphone and camera through an `Enhancer`: chunks in, chunks out, and how late they are."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...core.arrays import Float32, UInt8
from ...errors import InputError
from ..enhancer import Enhancer
from ..video.frames import LipFrame
from ..video.lips.lip_reader import LipReader
from .file_job import limit_of_strength

#: A picture that comes later than this after the last chunk of sound belongs to no sound.
_PATIENCE_S = 2.0


@dataclass(frozen=True)
class LiveMoment:
    """How a chunk went.

    Attributes:
        rate: in Hz.
        wave: float32 ``[n]``, enhanced: the chunk, `latency_ms` later.
        chunk_ms: length of the chunk: a browser waits for its end before it sends it.
        busy_ms: what enhancing it took.
        latency_ms: of the stream.
        alpha: confidence in the lips.
        face: whether the last picture showed a usable face; None without pictures.
        behind_s: by how much the sound that came falls short of the time since the first chunk: it is late,
            or was dropped for a server that did not keep up.
    """

    rate: int
    wave: Float32
    chunk_ms: float
    busy_ms: float
    latency_ms: float
    alpha: float
    face: bool | None
    behind_s: float

    @property
    def delay_ms(self) -> float:
        """From a sound at the microphone to when it is ready to be sent back."""
        return self.chunk_ms + self.busy_ms + self.latency_ms


class LiveTalk:
    """One visitor's stream. Sound and pictures may come from two threads.

    Args:
        model: name of a preset.
        clock: seconds, for the time of pictures.
    """

    def __init__(self, model: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._model, self._clock = model, clock
        self._lock = threading.Lock()
        self._enhancer: Enhancer | None = None
        self._reader: LipReader | None = None
        self._frames: list[LipFrame] = []
        self._heard_s, self._heard_at, self._began_at, self._seen_s = 0.0, -np.inf, 0.0, 0.0
        self._face: bool | None = None

    def hear(self, rate: int, chunk: npt.NDArray[np.generic], strength: float, lips: bool) -> LiveMoment:
        """Enhance a chunk of sound.

        Args:
            rate: in Hz; a new rate begins a new stream.
            chunk: int16 or float32, ``[n]`` or ``[n, channels]``.
            strength: in percent.
            lips: whether lips count.

        Raises:
            InputError: a rate out of reach, or samples that are not finite.
        """
        with self._lock:
            arrived, enhancer = self._clock(), self._ready(rate)
            enhancer.atten_limit_db, enhancer.video = limit_of_strength(strength), lips
            wave = _mono(chunk)
            frames, self._frames = self._frames, []
            started = time.perf_counter()
            out = enhancer.process(wave, frames or None)
            busy_ms = 1e3 * (time.perf_counter() - started)
            if self._heard_s == 0.0:
                self._began_at = arrived - wave.size / rate
            self._heard_s += wave.size / rate
            self._heard_at = arrived
            behind_s = max(0.0, arrived - self._began_at - self._heard_s)
            latency_ms = 1e3 * enhancer.latency_samples / rate
            chunk_ms, alpha = 1e3 * wave.size / rate, enhancer.alpha
            return LiveMoment(rate, out, chunk_ms, busy_ms, latency_ms, alpha, self._face, behind_s)

    def see(self, picture: UInt8) -> bool | None:
        """Whether a picture ``[height, width, 3]`` RGB shows lips; None while no sound comes.

        Raises:
            InputError: no such picture, or the extra ``video`` is not installed.
        """
        with self._lock:
            now, enhancer = self._clock(), self._enhancer
            if enhancer is None or now - self._heard_at > _PATIENCE_S:
                return None
            # The sound of this moment is still in the browser: it comes with the next chunk.
            self._seen_s = max(self._seen_s, self._heard_s + now - self._heard_at)
            if self._reader is None:
                self._reader = LipReader(enhancer.lips)
            frame = self._reader(picture, self._seen_s, rgb=True)
            self._face = frame is not None
            if frame is not None:
                self._frames.append(frame)
            return self._face

    def close(self) -> None:
        """Let go of what it holds; it may be used again, from the start."""
        with self._lock:
            if self._reader is not None:
                self._reader.close()
            self._reader, self._enhancer, self._frames, self._face = None, None, [], None

    def _ready(self, rate: int) -> Enhancer:
        if self._enhancer is None or self._enhancer.sample_rate != rate:
            self._enhancer = Enhancer(self._model, rate)
            self._frames, self._heard_s, self._seen_s = [], 0.0, 0.0
            if self._reader is not None:
                self._reader.close()
                self._reader = None
        return self._enhancer


def _mono(chunk: npt.NDArray[np.generic]) -> Float32:
    if chunk.dtype.kind not in "if" or chunk.ndim not in (1, 2):
        raise InputError(f"a chunk must be int16 or float32 [n] or [n, channels], not {chunk.dtype}")
    full_scale = 2.0 ** (8 * chunk.dtype.itemsize - 1) if chunk.dtype.kind == "i" else 1.0
    wave = chunk.astype(np.float32) / np.float32(full_scale)
    return wave if wave.ndim == 1 else wave.mean(axis=1)


class Visitors:
    """The streams of the visitors of a page, by session.

    Args:
        most: visitors at a time; one more ends the stream that came first.
    """

    def __init__(self, most: int = 8) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._talks: dict[str, tuple[str, LiveTalk]] = {}

    def talk(self, session: str, model: str) -> LiveTalk:
        """The stream of a session; another model begins another one."""
        with self._lock:
            known = self._talks.get(session)
            if known is None or known[0] != model:
                self._drop(session)
                while len(self._talks) >= self._most:
                    self._drop(next(iter(self._talks)))
                self._talks[session] = model, LiveTalk(model)
            return self._talks[session][1]

    def leave(self, session: str) -> None:
        """A session ended."""
        with self._lock:
            self._drop(session)

    def _drop(self, session: str) -> None:
        known = self._talks.pop(session, None)
        if known is not None:
            known[1].close()

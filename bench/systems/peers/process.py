"""What a peer is, and its own process: its memory and time are its own, and it may crash alone."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Protocol

import numpy as np

from ....core.arrays import Float32
from ....core.processes import THREAD_VARIABLES, environment
from ....errors import InputError
from ...machine import peak_memory_mib

__all__ = ["Float32", "MakePeer", "Peer", "PeerError", "PeerFacts", "PeerProcess", "Turn", "in_frames"]

_PATIENCE_S = 10.0


class Peer(Protocol):
    """An enhancer the way its own users run it: at its own rate, frame by frame where it streams."""

    @property
    def sample_rate(self) -> int:
        """Rate in Hz of the waves it takes and gives."""
        ...

    @property
    def frame_samples(self) -> int | None:
        """Samples that must be there before it can be called.

        0 where it takes any number and holds back its output instead; None where it needs the whole
        recording.
        """
        ...

    def reset(self) -> None:
        """Forget all sound: the next wave is the first of a new stream."""
        ...

    def enhance(self, wave: Float32) -> Float32:
        """Enhance a recording, float32 ``[samples]``, as a stream.

        Returns:
            float32 ``[samples]``, late by the peer's own lag, which is constant.
        """
        ...


def in_frames(step: Callable[[Float32], Float32], wave: Float32, frame_samples: int) -> Float32:
    """Feed a wave frame by frame, the last one filled up with silence.

    Args:
        step: float32 ``[frame_samples]`` in, float32 ``[frame_samples]`` out.
        wave: float32 ``[samples]``.

    Returns:
        float32 ``[samples]``.
    """
    padded = np.pad(wave, (0, -wave.size % frame_samples))
    return np.concatenate([step(frame) for frame in padded.reshape(-1, frame_samples)])[: wave.size]


MakePeer = Callable[[], Peer]


class PeerError(Exception):
    """A peer could not be loaded or failed; ``missing`` where its package is not installed."""

    def __init__(self, reason: str, missing: bool = False) -> None:
        super().__init__(reason, missing)
        self.reason = reason
        self.missing = missing


@dataclass(frozen=True)
class PeerFacts:
    """What a peer says of itself, see `Peer`, and the process's memory in MiB before it was loaded."""

    sample_rate: int
    frame_samples: int | None
    memory_before_mib: float | None


@dataclass(frozen=True)
class Turn:
    """One recording through a peer.

    Attributes:
        wave: float32 ``[samples]``, still late.
        cpu_s: time that all threads of the process computed.
        peak_memory_mib: the most memory the process has ever held; None where it cannot be told.
    """

    wave: Float32
    cpu_s: float
    peak_memory_mib: float | None


class PeerProcess:
    """Starts a fresh interpreter with one thread for each library, and makes the peer there.

    The process lives until `close`.

    Args:
        make: makes the peer; must be importable by name or a partial of such a function.

    Raises:
        PeerError: the peer could not be made.
        InputError: it was asked for wrongly.
    """

    def __init__(self, make: MakePeer) -> None:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(make, theirs), daemon=True)
        with environment(
            dict.fromkeys(THREAD_VARIABLES, "1")
        ):  # libraries look there how many threads to take
            self._process.start()
        theirs.close()
        try:
            self.facts: PeerFacts = self._receive()
        except BaseException:
            self.close()
            raise

    def enhance(self, wave: Float32) -> Turn:
        """Enhance a recording at the peer's rate, as a stream of its own.

        Raises:
            PeerError: the peer failed, or its process died.
        """
        self._connection.send(wave)
        turn: Turn = self._receive()
        if turn.wave.shape != wave.shape or not np.isfinite(turn.wave).all():
            raise PeerError(f"it made {turn.wave.shape} samples, not all finite, of {wave.shape}")
        return turn

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join(_PATIENCE_S)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()

    def _receive(self) -> Any:
        try:
            reply = self._connection.recv()
        except (EOFError, ConnectionError) as error:
            self._process.join(_PATIENCE_S)
            raise PeerError(f"its process died with exit code {self._process.exitcode}") from error
        if isinstance(reply, PeerError | InputError):
            raise reply
        return reply


def _serve(make: MakePeer, connection: Connection) -> None:
    """The child's whole life: make the peer, then wave in, turn out, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    try:
        before = peak_memory_mib()
        peer = make()
        connection.send(PeerFacts(peer.sample_rate, peer.frame_samples, before))
        while True:
            wave = connection.recv()
            peer.reset()
            started = time.process_time()
            enhanced = peer.enhance(wave)
            connection.send(Turn(enhanced, time.process_time() - started, peak_memory_mib()))
    except (EOFError, ConnectionError):
        return
    except InputError as error:  # a wrong model or description: the user's to mend
        connection.send(error)
    except ImportError as error:
        connection.send(PeerError(str(error), missing=True))
    except Exception as error:  # whatever a stranger's code raises is that peer's result
        connection.send(PeerError(f"{type(error).__name__}: {error}"))

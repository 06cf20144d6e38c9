"""The streams of one worker around its pool: what has come for all of them is enhanced in one joint step.

All of it runs in the thread of the event loop. A step takes at most a slice of each stream, so that whoever
sends much at once delays the others by no more than whoever sends little.
"""

import asyncio
import logging
import time
from collections import deque
from typing import Any

import numpy as np

from ...core.arrays import Float32
from ...core.buffers import SampleFifo
from ...errors import InputError
from ..pool import EnhancerPool
from .config import Limits
from .protocol import CLOSE_BROKEN, CLOSE_FULL, CLOSE_TIMEOUT, Hello, LipsMessage, RefusalError
from .table import Row

#: Of each stream, a step takes at most so much.
SLICE_S = 0.025

_LOG = logging.getLogger("lipstream.serve")


class Stream:
    """One client's stream between its two tasks, which read and write the WebSocket, and the engine.

    Attributes:
        hello: what it said.
        problem: why it was ended; None: it was not.
        heard_s: when its client last said something, on the loop's clock.
        ended: its client sends no more.
        finished: the rest of its sound has been made.
    """

    def __init__(self, number: int, hello: Hello, engine: "Engine", now_s: float) -> None:
        self.number, self.hello = number, hello
        self.problem: RefusalError | None = None
        self.heard_s = self.begun_s = now_s
        self.ended = self.finished = False
        self.received = 0  # samples
        self._engine = engine
        self._waiting = SampleFifo(hello.rate)
        self._taken = 0
        self._lips: list[tuple[float, Float32]] = []
        self._arrivals: deque[tuple[int, float]] = deque()  # samples received by then, and when
        self._outbox: list[Float32] = []
        self._unread = 0
        self._unread_since_s: float | None = None
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._reader: asyncio.Task[Any] | None = asyncio.current_task()

    # What the tasks of its connection do.

    def push(self, samples: Float32) -> None:
        """Take sound; it is enhanced soon."""
        self.heard_s = time.monotonic()
        self._waiting.push(samples)
        self.received += len(samples)
        self._arrivals.append((self.received, self.heard_s))
        if len(self._waiting) >= self._engine.limits.queue_s * self.hello.rate:
            self._room.clear()
        self._engine.schedule()

    def see(self, lips: LipsMessage) -> None:
        """Take the lips of a video frame."""
        self.heard_s = time.monotonic()
        self._lips.append((lips.time_s, lips.landmarks))
        self._engine.row.add("lips_total")

    def end(self) -> None:
        """No more comes: what is there is enhanced, and then its rest."""
        self.heard_s = time.monotonic()
        self.ended = True
        self._engine.schedule()

    async def wait_for_room(self) -> None:
        """Until more sound may be taken: neither too much is waiting, nor came more than the speed allows."""
        if not self._room.is_set():
            self._engine.row.add("waits_total")
            await self._room.wait()
        limits, now_s = self._engine.limits, time.monotonic()
        ahead_s = self.received / self.hello.rate - 1.0 - limits.speed * (now_s - self.begun_s)
        if ahead_s > 0:
            self._engine.row.add("waits_total")
            await asyncio.sleep(ahead_s / limits.speed)
        self.heard_s = time.monotonic()  # it was the server that waited

    async def output(self) -> Float32 | None:
        """Enhanced sound as soon as there is some; None after the last. The sound before it has been sent."""
        self._unread, self._unread_since_s = 0, None
        self._engine.schedule()
        while not self._outbox:
            if self.finished:
                return None
            self._changed.clear()
            await self._changed.wait()
        sound = self._outbox[0] if len(self._outbox) == 1 else np.concatenate(self._outbox)
        self._outbox.clear()
        return sound

    def fail(self, problem: RefusalError) -> None:
        """End it for a reason, which the task of its connection tells."""
        if self.problem is None:
            self.problem = problem
            if self._reader is not None:
                self._reader.cancel()

    # What the engine does.

    def next_slice(self) -> tuple[Float32, list[tuple[float, Float32]]] | None:
        """The sound and lips of the next step; None where there is none, or too much is unread."""
        limits = self._engine.limits
        count = min(len(self._waiting), max(1, int(SLICE_S * self.hello.rate)))
        if not count or self.problem or self._unread >= limits.queue_s * self.hello.rate:
            return None
        samples = self._waiting.view()[:count].copy()
        self._waiting.drop(count)
        self._taken += count
        lips, self._lips = self._lips, []
        return samples, lips

    def deliver(self, enhanced: Float32, now_s: float) -> None:
        """Take the output of a step."""
        while self._arrivals and self._arrivals[0][0] <= self._taken:
            self._engine.row.observe(now_s - self._arrivals.popleft()[1])
        self._engine.row.add("audio_seconds_total", len(enhanced) / self.hello.rate)
        if len(self._waiting) < self._engine.limits.queue_s * self.hello.rate / 2:
            self._room.set()
        self._send(enhanced, now_s)

    def finish(self, rest: Float32) -> None:
        """Take the last of its sound."""
        self.finished = True
        self._send(rest, time.monotonic())

    @property
    def is_done(self) -> bool:
        """Whether only its rest is to come."""
        return self.ended and not self.finished and not len(self._waiting) and self.problem is None

    def check(self, now_s: float) -> None:
        """Fail a client that says nothing, or reads nothing."""
        limits = self._engine.limits
        if self._unread_since_s is not None and now_s - self._unread_since_s > limits.stall_s:
            self.fail(
                RefusalError(
                    "slow_client",
                    f"enhanced sound was not read for {limits.stall_s:g} s: read as fast as you send",
                    CLOSE_TIMEOUT,
                )
            )
        elif not self.ended and now_s - self.heard_s > limits.idle_s:
            self.fail(
                RefusalError(
                    "idle",
                    f'nothing came for {limits.idle_s:g} s: send silence while a caller is silent, or "end"',
                    CLOSE_TIMEOUT,
                )
            )

    def _send(self, sound: Float32, now_s: float) -> None:
        if len(sound):
            self._outbox.append(sound)
            self._unread += len(sound)
            if self._unread_since_s is None:
                self._unread_since_s = now_s
        self._changed.set()


class Engine:
    """The pool of a worker and who is in it.

    Args:
        pool: whose place this is.
        limits: of each stream.
        row: where the worker's numbers are kept.
    """

    def __init__(self, pool: EnhancerPool, limits: Limits, row: Row) -> None:
        self.pool, self.limits, self.row = pool, limits, row
        self.streams: dict[int, Stream] = {}
        self._scheduled = False
        row["room"] = pool.streams

    def join(self, hello: Hello) -> Stream:
        """Let a stream in, whose reader is the task that calls.

        Raises:
            RefusalError: there is no room.
        """
        try:
            number = self.pool.join(hello.atten_limit_db, hello.bypass, hello.video, hello.rate)
        except InputError as error:
            raise RefusalError(
                "full",
                f"all {self.pool.streams} places are taken: try again in some seconds, or another server",
                CLOSE_FULL,
            ) from error
        stream = Stream(number, hello, self, time.monotonic())
        self.streams[number] = stream
        self.row.add("joined_total")
        self.row["streams"] = len(self.streams)
        return stream

    def leave(self, stream: Stream) -> None:
        """Let a stream go."""
        del self.streams[stream.number]
        self.pool.leave(stream.number)
        self.row["streams"] = len(self.streams)

    def schedule(self) -> None:
        """Have a step made when the loop has read what else has come."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._step)

    def check(self) -> None:
        """Fail clients that have been silent or deaf for too long; to be called every second or so."""
        now_s = time.monotonic()
        for stream in list(self.streams.values()):
            stream.check(now_s)

    def _step(self) -> None:
        self._scheduled = False
        due = {
            number: piece
            for number, stream in self.streams.items()
            if (piece := stream.next_slice()) is not None
        }
        if due:
            began_s = time.thread_time()
            outputs = self._process(due)
            self.row.add("steps_total")
            self.row.add("busy_seconds_total", time.thread_time() - began_s)
            now_s = time.monotonic()
            for number, enhanced in outputs.items():
                self.streams[number].deliver(enhanced, now_s)
            self.schedule()  # there may be more, or the rest of one
        for stream in [stream for stream in self.streams.values() if stream.is_done]:
            stream.finish(self.pool.flush(stream.number))

    def _process(self, due: dict[int, tuple[Float32, list[tuple[float, Float32]]]]) -> dict[int, Float32]:
        """Enhance; a stream that brings something wrong fails, and the others go on without it."""
        try:
            return self.pool.process(
                {number: sound for number, (sound, _) in due.items()},
                {number: lips for number, (_, lips) in due.items() if lips},
            )
        except InputError as error:  # raised before any state changes
            if len(due) == 1:
                self.streams[next(iter(due))].fail(RefusalError("bad_lips", str(error)))
                return {}
            return {k: v for number, piece in due.items() for k, v in self._process({number: piece}).items()}
        except Exception:  # the pool has forgotten what these streams heard
            _LOG.exception("a step failed")
            for number in due:
                self.streams[number].fail(
                    RefusalError("broken", "the step failed on the server: connect again", CLOSE_BROKEN)
                )
            return {}

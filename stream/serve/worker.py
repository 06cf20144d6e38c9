"""A process of the server: takes connections in turn with the others, and drains when it is told to."""

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import parent_process
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

import uvicorn

from ..pool import EnhancerPool
from .config import MAX_MESSAGE_BYTES, ServeConfig
from .connection import make_app
from .engine import Engine
from .protocol import CLOSE_RESTART, RefusalError
from .table import Table

#: How often a worker looks whether it is its turn to take connections.
TURN_S = 0.01
#: How long a connection that is closed may take to send what it still has.
_LINGER_S = 5.0

_LOG = logging.getLogger("lipstream.serve")


def run_worker(config: ServeConfig, worker: int, listener: socket.socket, memory: Any) -> None:
    """Serve until the server drains: the whole life of a process.

    Args:
        config: of the server.
        worker: number of this one, from 0.
        listener: where connections come in, shared by all workers.
        memory: of the `Table`.
    """
    logging.basicConfig(format="lipstream: worker %(process)d: %(message)s", level=logging.WARNING)
    pool = EnhancerPool(config.streams, config.model, runtime=config.runtime)
    with suppress(KeyboardInterrupt):
        Worker(config, pool, worker, listener, Table(memory, config.workers)).run()


class Worker(uvicorn.Server):
    """uvicorn with an accept of its own: of several processes the one with the fewest clients takes the next.

    Args:
        config: of the server.
        pool: for the streams.
        worker: number of this one, from 0.
        listener: where connections come in.
        table: of all workers.
    """

    def __init__(
        self, config: ServeConfig, pool: EnhancerPool, worker: int, listener: socket.socket, table: Table
    ) -> None:
        self._settings, self._number, self._listener, self._table = config, worker, listener, table
        self.row = table.row(worker)
        self.engine = Engine(pool, config.limits, self.row)
        self._told_to_drain = False
        self._cpu_before_s = 0.0
        self._draining_since_s: float | None = None
        self._listens = False
        self._closing: WeakKeyDictionary[Any, float] = WeakKeyDictionary()
        self._supervised = parent_process()
        app = make_app(config, self.engine, table, lambda: self.draining)
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                http="h11",
                ws="websockets-sansio",
                ws_max_size=MAX_MESSAGE_BYTES,
                ws_per_message_deflate=False,  # sound does not shrink
                ws_ping_interval=None,  # a pong would wait behind sound held back; see `Limits.idle_s`
                lifespan="off",
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=1,
            )
        )

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until it is told to drain, and all streams have ended or their time is up."""
        # The selector's loop: Windows' other one watches no listener.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self.serve(sockets=[]))

    @property
    def draining(self) -> bool:
        """Whether no new streams are taken."""
        return self._told_to_drain or self._table.draining

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM drains this worker alone; Ctrl-C is the supervisor's."""
        if sig != signal.SIGINT:
            self._told_to_drain = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, and connections are taken."""
        await super().startup(sockets=sockets)
        self._listener.setblocking(False)
        self._cpu_before_s = self.row["cpu_seconds_total"]  # of a worker that died
        self.row["beat"], self.row["pid"], self.row["ready"] = time.monotonic(), os.getpid(), 1.0
        self._take_turn()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to exit."""
        await super().on_tick(counter)
        self.row["cpu_seconds_total"] = self._cpu_before_s + time.process_time()
        self._drop_lingering()
        if counter % 5 == 0:
            self.engine.check()
        if self._supervised is not None and not self._supervised.is_alive():
            return True
        return self.draining and self._drained()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, after the last streams have been told."""
        self._listen(False)
        for stream in list(self.engine.streams.values()):
            stream.fail(RefusalError("draining", "this server ends: connect again", CLOSE_RESTART))
        for _ in range(20):
            if not self.engine.streams:
                break
            await asyncio.sleep(0.05)
        await super().shutdown(sockets=sockets)
        self.row["ready"] = 0.0

    def _drained(self) -> bool:
        now_s = time.monotonic()
        if self._draining_since_s is None:
            self._draining_since_s = now_s
            self.row["room"] = 0.0
        return not self.engine.streams or now_s - self._draining_since_s >= self._settings.drain_s

    def _take_turn(self) -> None:
        """Listen while it is this worker's turn; look again soon."""
        self.row["beat"] = time.monotonic()
        self.row["connections"] = len(self.server_state.connections)
        # While it drains it still answers, as long as it is alone: /health tells, and streams are refused.
        self._listen(self._table.is_turn_of(self._number) and not (self._told_to_drain and self._others()))
        asyncio.get_running_loop().call_later(TURN_S, self._take_turn)

    def _others(self) -> bool:
        return self._table.total("ready") > 1

    def _listen(self, listens: bool) -> None:
        if listens != self._listens:
            self._listens = listens
            loop = asyncio.get_running_loop()
            if listens:
                loop.add_reader(self._listener, self._accept)
            else:
                loop.remove_reader(self._listener)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # another worker was faster, the client is gone again, or no file descriptor is left
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._adopt(connection, self._protocol))
        self.server_state.tasks.add(task)
        task.add_done_callback(self.server_state.tasks.discard)
        # Counted at once, so that the next one goes elsewhere.
        self.row.add("connections")
        self._listen(self._table.is_turn_of(self._number))

    async def _adopt(self, connection: socket.socket, make: Callable[[], asyncio.Protocol]) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(make, connection)
        except OSError as error:
            _LOG.warning("a connection was lost at once: %s", error)
            connection.close()

    def _protocol(self) -> asyncio.Protocol:
        """What uvicorn makes for a connection."""
        # It takes more than its base class tells.
        make: Callable[..., asyncio.Protocol] = self.config.http_protocol_class
        protocol: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    def _drop_lingering(self) -> None:
        """A client that reads nothing would keep its closed connection for ever."""
        now_s = time.monotonic()
        for connection in list(self.server_state.connections):
            transport = connection.transport
            if transport is None or not transport.is_closing():
                continue
            if now_s - self._closing.setdefault(transport, now_s) > _LINGER_S:
                transport.abort()

"""A worker in a thread of this process, around pass-through runtimes, and clients of it."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest

from lipstream.core.arrays import Float32
from lipstream.stream.pool import EnhancerPool
from lipstream.stream.serve.config import Limits, ServeConfig
from lipstream.stream.serve.protocol import decode, encode
from lipstream.tests.stream.pass_through_pool import PassThroughPool

#: No test waits for as long as this.
PATIENCE_S = 60


class Server:
    """A running worker and its address."""

    def __init__(self, config: ServeConfig, pool: EnhancerPool) -> None:
        from lipstream.stream.serve.supervisor import _listening
        from lipstream.stream.serve.table import Table
        from lipstream.stream.serve.worker import Worker

        self.config, self.table = config, Table.make(get_context("spawn"), 1)
        self._listening = _listening(config)
        listener = self._listening.__enter__()
        self.port = listener.getsockname()[1]
        self.worker = Worker(config, pool, 0, listener, self.table)
        self.thread = threading.Thread(target=self.worker.run)
        self.thread.start()

    @contextmanager
    def client(self, headers: dict[str, str] | None = None) -> Iterator["Client"]:
        """A WebSocket that has said nothing yet."""
        from websockets.sync.client import connect

        address = f"ws://127.0.0.1:{self.port}/v1/stream"
        with connect(address, additional_headers=headers, compression=None, close_timeout=1) as websocket:
            yield Client(websocket)

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Status and body of what a path answers."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def close(self) -> None:
        """Drain and end."""
        self.table.drain()
        self.thread.join(PATIENCE_S)
        self._listening.__exit__(None, None, None)
        assert not self.thread.is_alive()


class Client:
    """What a client says and is told."""

    def __init__(self, websocket: Any) -> None:
        self.websocket = websocket

    def say(self, **said: Any) -> None:
        self.websocket.send(json.dumps(said))

    def hello(self, rate: int = 16_000, kind: Any = "float32", **said: Any) -> dict[str, Any]:
        """Say hello; what the server answers."""
        self.kind = kind
        self.say(rate=rate, format=kind, **said)
        return self.told()

    def send(self, samples: Float32) -> None:
        self.websocket.send(encode(samples, self.kind))

    def told(self) -> dict[str, Any]:
        """The next message, which is JSON."""
        said: dict[str, Any] = json.loads(self.websocket.recv(PATIENCE_S))
        return said

    def hear(self, count: int) -> Float32:
        """So many samples, or as many as come before a message in JSON or the end."""
        from websockets.exceptions import ConnectionClosed

        self.last: dict[str, Any] = {}
        pieces = [np.empty(0, np.float32)]
        while sum(map(len, pieces)) < count:
            try:
                message = self.websocket.recv(PATIENCE_S)
            except ConnectionClosed:
                break
            if isinstance(message, str):
                self.last = json.loads(message)
                break
            pieces.append(decode(message, self.kind, 10**9))
        return np.concatenate(pieces)

    def closed(self) -> int:
        """The code that the server closes the connection with."""
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                self.websocket.recv(PATIENCE_S)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


@pytest.fixture
def serve(pass_through: Callable[..., Any]) -> Iterator[Callable[..., Server]]:
    """Starts a worker: ``streams``, ``token``, and `Limits` by name; it sees landmarks."""
    servers = []

    def start(
        streams: int = 3, token: str = "", drain_s: float = 0.0, runtime: Any = None, **limits: float
    ) -> Server:
        pytest.importorskip("uvicorn")
        pytest.importorskip("websockets")
        runtime = runtime or PassThroughPool(pass_through, streams, lips="landmarks")
        config = ServeConfig(
            port=0,
            streams=streams,
            token=token,
            drain_s=drain_s,
            limits=Limits(**limits),
        )
        servers.append(Server(config, EnhancerPool(streams, runtime=runtime)))
        return servers[-1]

    yield start
    for server in servers:
        server.close()

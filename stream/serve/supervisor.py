"""The process that a user starts: it listens, keeps its workers alive, and ends them gently."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType

from ...core.processes import THREAD_VARIABLES, environment
from ...errors import InputError
from ..pool import EnhancerPool
from .config import ServeConfig
from .table import Table
from .worker import run_worker

#: Of a connection's buffers in the system: small, so that whoever is too fast or too slow notices soon.
_BUFFER_BYTES = 2**16
#: A worker that dies so soon after its start does so again: after this many in a row the server gives up.
_EARLY_S, _EARLY_DEATHS = 5.0, 3
#: More than `ServeConfig.drain_s` that a worker gets before it is killed.
_GRACE_S = 5.0

#: Told what happens: a line for people.
Tell = Callable[[str], None]


def serve(config: ServeConfig, tell: Tell) -> None:
    """Serve until SIGTERM or Ctrl-C, then let streams end; a second one ends them at once.

    Args:
        config: what to serve, and where.
        tell: is given the address, and what becomes of workers.

    Raises:
        InputError: an unknown model or runtime, an address that cannot be listened on, or workers that die as
            soon as they have started.
    """
    EnhancerPool(1, config.model, runtime=config.runtime)  # what is wrong with the model shows here
    with ExitStack() as stack:
        listener = stack.enter_context(_listening(config))
        stack.enter_context(environment(dict.fromkeys(THREAD_VARIABLES, "1")))
        host, port = listener.getsockname()[:2]
        workers = _Workers(config, listener, tell)
        stack.callback(workers.kill)
        asked = stack.enter_context(_asked_to_end())
        workers.start()
        address = f"[{host}]" if ":" in host else host
        tell(f"ready: ws://{address}:{port}/v1/stream, {config.workers} x {config.streams} streams")
        workers.watch(asked)


class _Workers:
    def __init__(self, config: ServeConfig, listener: socket.socket, tell: Tell) -> None:
        self._config, self._listener, self._tell = config, listener, tell
        self._context = get_context("spawn")  # a fork would copy threads in the middle of their work
        self._table = Table.make(self._context, config.workers)
        self._processes: dict[int, SpawnProcess] = {}
        self._began_s: dict[int, float] = {}
        self._early_deaths = 0

    def start(self) -> None:
        """Begin all, and wait until they take connections."""
        for worker in range(self._config.workers):
            self._begin(worker)
        while self._table.total("ready") < self._config.workers:
            for process in self._processes.values():
                process.join(0.02)
                if process.exitcode is not None:
                    raise InputError(
                        f"a worker ended while it started (exit code {process.exitcode}): see above"
                    )

    def watch(self, asked: list[int]) -> None:
        """Replace who dies, until it is asked to end and all have drained."""
        while not asked:
            self._reap()
            wait([process.sentinel for process in self._processes.values()], 0.2)
        self._tell(
            f"draining: {self._table.total('streams'):.0f} streams may go on for {self._config.drain_s:g} s"
        )
        self._table.drain()
        until_s = time.monotonic() + self._config.drain_s + _GRACE_S
        while self._alive() and len(asked) == 1 and time.monotonic() < until_s:
            wait(self._alive(), 0.2)
        left = self._table.total("streams") if self._alive() else 0
        self._tell(f"ended: {self._table.total('joined_total'):.0f} streams served, {left:.0f} cut off")

    def kill(self) -> None:
        """All that are left."""
        for process in self._processes.values():
            process.kill()
            process.join()

    def _alive(self) -> list[int]:
        return [process.sentinel for process in self._processes.values() if process.is_alive()]

    def _begin(self, worker: int) -> None:
        process = self._context.Process(
            target=run_worker, args=(self._config, worker, self._listener, self._table.memory), daemon=True
        )
        process.start()
        self._processes[worker], self._began_s[worker] = process, time.monotonic()

    def _reap(self) -> None:
        for worker, process in list(self._processes.items()):
            if process.exitcode is None:
                continue
            row = self._table.row(worker)
            lost = row["streams"]
            row.gone()
            early = time.monotonic() - self._began_s[worker] < _EARLY_S
            self._early_deaths = self._early_deaths + 1 if early else 0
            if self._early_deaths >= _EARLY_DEATHS:
                raise InputError(
                    f"workers die as soon as they start (exit code {process.exitcode}): see above"
                )
            self._tell(
                f"worker {worker} ended (exit code {process.exitcode}), {lost:.0f} streams lost: "
                "it begins again"
            )
            row.add("restarts_total")
            self._begin(worker)


@contextmanager
def _listening(config: ServeConfig) -> Iterator[socket.socket]:
    """A socket that takes connections; InputError where it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InputError(
            f"there is no address '{config.host}' ({error.strerror}): name another --host"
        ) from error
    with listener:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            listener.setsockopt(socket.SOL_SOCKET, buffer, _BUFFER_BYTES)
        try:
            listener.bind(address)
            listener.listen(1024)
        except OSError as error:
            raise InputError(
                f"port {config.port} of {config.host} cannot be listened on ({error.strerror}): "
                "choose another --port, or 0 for a free one"
            ) from error
        yield listener


@contextmanager
def _asked_to_end() -> Iterator[list[int]]:
    """The signals to end that have come; outside of the main thread there are none."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

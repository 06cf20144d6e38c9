"""A server of its own process for a load test, and what it tells of itself."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

from ...errors import InputError
from ...stream.serve.config import ServeConfig

#: A computer that is busy with much else takes long to start a server.
_START_S = 300.0


class RunningServer:
    """Where it is reached."""

    def __init__(self, address: str) -> None:
        self.address = address

    def numbers(self) -> dict[str, float]:
        """``/metrics``, summed over the workers, by name; those of one worker as ``name{worker="0"}``."""
        url = self.address.replace("ws://", "http://").replace("/v1/stream", "/metrics")
        with urllib.request.urlopen(url, timeout=_START_S) as response:
            lines = response.read().decode().splitlines()
        numbers: dict[str, float] = {}
        for line in lines:
            if line.startswith("#"):
                continue
            name, _, value = line.rpartition(" ")
            numbers[name] = float(value)
            if "le=" not in name:
                bare = name.partition("{")[0]
                numbers[bare] = numbers.get(bare, 0.0) + float(value)
        return numbers


@contextmanager
def running(config: ServeConfig) -> Iterator[RunningServer]:
    """A server while it is entered.

    Raises:
        InputError: it does not start.
    """
    context = get_context("spawn")
    mine, its = context.Pipe()
    process = context.Process(target=_serve, args=(config, its))  # no daemon: it has processes of its own
    process.start()
    its.close()
    try:
        yield RunningServer(_address(mine))
    finally:
        process.terminate()
        process.join(config.drain_s + 30.0)
        process.kill()
        process.join()
        mine.close()


def _address(told: Connection) -> str:
    try:
        while told.poll(_START_S):
            line = told.recv()
            if line.startswith("ready: "):
                return str(line.split()[1].rstrip(","))
            if line.startswith("error: "):
                raise InputError(line.removeprefix("error: "))
    except EOFError:
        pass
    raise InputError("the server of the load test does not start: try lipstream serve by hand")


def _serve(config: ServeConfig, tell: Connection) -> None:
    from ...stream.serve.supervisor import serve

    try:
        serve(config, tell.send)
    except InputError as error:
        tell.send(f"error: {error}")
    except BrokenPipeError:  # the load test is gone
        pass

"""What ``lipstream serve`` is told: where it listens, how many streams it takes, and what each may do."""

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from ...models.store.registry import ModelName
from ..runtimes import AUTO

#: Where the token is read from when no file is named.
TOKEN_VARIABLE = "LIPSTREAM_TOKEN"
#: A shorter one could be guessed.
SHORTEST_TOKEN = 16
#: The largest WebSocket message that is read at all; what is longer ends the connection with code 1009.
MAX_MESSAGE_BYTES = 2**20


@dataclass(frozen=True)
class Limits:
    """What one stream may do.

    Attributes:
        message_s: the most sound in one message, in seconds.
        queue_s: sound that may wait to be enhanced, and enhanced sound that may wait to be read; beyond it
            the server stops reading, so that the client's own sends wait (TCP).
        speed: how many times faster than it plays sound may come, after a second of it at once.
        hello_s: how long a new connection may take to say hello.
        idle_s: how long a stream may say nothing.
        stall_s: how long a client may leave enhanced sound unread.
    """

    message_s: float = 1.0
    queue_s: float = 1.0
    speed: float = 2.0
    hello_s: float = 5.0
    idle_s: float = 30.0
    stall_s: float = 10.0


@dataclass(frozen=True)
class ServeConfig:
    """Of a server.

    Attributes:
        model: see `EnhancerPool`.
        runtime: name of a runtime.
        host: address to listen on.
        port: 0: a free one.
        workers: processes, each with a pool of its own.
        streams: places in each of these pools.
        drain_s: how long streams may go on after SIGTERM.
        token: what clients must show; empty: nothing.
        limits: of each stream.

    Raises:
        InputError: a value out of range, or an address that others reach without a token.
    """

    model: ModelName = "lite"
    runtime: str = AUTO
    host: str = "127.0.0.1"
    port: int = 8765
    workers: int = 1
    streams: int = 32
    drain_s: float = 30.0
    token: str = ""
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        if not 0 <= self.port < 65_536:
            raise InputError(f"--port must be from 0 to 65535, not {self.port}")
        for name, value in (("--workers", self.workers), ("--streams", self.streams)):
            if value < 1:
                raise InputError(f"{name} must be a whole number from 1, not {value}")
        if self.drain_s < 0:
            raise InputError(f"--drain must be a number of seconds from 0, not {self.drain_s:g}")
        if not self.limits.speed >= 1:
            raise InputError(f"--speed must be at least 1, real time, not {self.limits.speed:g}")
        if not self.token and not is_loopback(self.host):
            raise InputError(
                f"'{self.host}' can be reached from other machines: set a token with --token-file FILE or "
                f"{TOKEN_VARIABLE}, or listen on 127.0.0.1"
            )


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_token(file: Path | None) -> str:
    """The token that clients must show: the first line of a file, or what the environment holds.

    Not an option of the command line, which every user of a machine can read.

    Raises:
        InputError: the file cannot be read, or the token is too short.
    """
    if file is None:
        token, source = os.environ.get(TOKEN_VARIABLE, "").strip(), TOKEN_VARIABLE
        if not token:
            return ""
    else:
        source = f"'{file}'"
        try:
            token = file.read_text(encoding="utf-8").partition("\n")[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the token in {source} cannot be read ({error}): name a text file") from error
    if len(token) < SHORTEST_TOKEN or not token.isascii():
        raise InputError(
            f"the token in {source} must have {SHORTEST_TOKEN} ASCII characters or more: make one with "
            "python -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    return token

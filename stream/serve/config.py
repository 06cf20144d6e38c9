"""What ``lipstream serve`` is told: where it listens, how many streams it takes, and what each may do."""

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path

from ...core.options import check_ranges, option, within
from ...errors import InputError
from ...models.store.registry import ModelName
from ..defaults import AUTO, DEFAULT_MODEL, HOST, MODEL, PORT, RUNTIME

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
    speed: float = field(
        default=2.0,
        metadata=option("how many times faster than it plays sound may come", "X") | within(1),
    )
    hello_s: float = 5.0
    idle_s: float = field(
        default=30.0, metadata=option("seconds a stream may say nothing", "S", "--idle") | within(above=0)
    )
    stall_s: float = 10.0

    def __post_init__(self) -> None:
        check_ranges(self)


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

    model: ModelName = field(default=DEFAULT_MODEL, metadata=MODEL)
    runtime: str = field(default=AUTO, metadata=RUNTIME)
    host: str = field(default="127.0.0.1", metadata=HOST)
    port: int = field(default=8765, metadata=PORT)
    workers: int = field(default=1, metadata=option("processes, best one for each core", "N") | within(1))
    streams: int = field(
        default=32,
        metadata=option(
            "streams of each process ({default}); lipstream bench serve finds how many a core serves", "N"
        )
        | within(1),
    )
    drain_s: float = field(
        default=30.0,
        metadata=option("seconds for streams to end on SIGTERM", "S", "--drain") | within(0),
    )
    token: str = ""
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        check_ranges(self)
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

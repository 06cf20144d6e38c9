"""Bad things done to a server while callers talk to it, who are to notice nothing of them."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from ...stream.serve.config import ServeConfig
from .caller import LINK, RATE, Heard, call, made_sound
from .server import RunningServer, running

#: Callers that are to notice nothing, and how long they talk.
_STEADY, _STEADY_S = 4, 6.0
#: Callers that come and go at once.
_STORM = 40
#: What no client should say, and the code of the answer; the last is too long to be read at all.
_BROKEN: Sequence[tuple[bytes | str, str]] = (
    (b"\0\0\0", "bad_audio"),
    (bytes(2 * (RATE + 1)), "bad_audio"),
    ("{", "bad_message"),
    ('{"type": "lips", "time_s": 0, "landmarks": []}', "bad_lips"),
    (bytes(2**20 + 1), "1009"),
)


@dataclass(frozen=True)
class Fault:
    """One bad thing: its name, whether the server held, and what happened in numbers."""

    name: str
    held: bool
    what: str


def measure_faults(model: str, runtime: str, chunk_ms: float, tell: Callable[[str], None]) -> list[Fault]:
    """A storm, slow clients, broken messages and a killed worker, each against a server with two workers."""
    config = ServeConfig(model, runtime, port=0, workers=2, streams=32, drain_s=0.0)
    deeds: list[tuple[str, Callable[[RunningServer, float], Awaitable[tuple[bool, str]]], int]] = [
        ("join and leave storm", _storm, 0),
        ("slow clients", _slow, 0),
        ("broken messages", _broken, 0),
        ("a killed worker", _kill, 2),
    ]
    tell("a server with two workers starts")
    seen = []
    with running(config) as server:
        for name, deed, may_lose in deeds:
            tell(f"{name}, while {_STEADY} callers talk")
            seen.append(asyncio.run(_against(server, chunk_ms, name, deed, may_lose)))
    return seen


async def _against(
    server: RunningServer,
    chunk_ms: float,
    name: str,
    deed: Callable[[RunningServer, float], Awaitable[tuple[bool, str]]],
    may_lose: int,
) -> Fault:
    """Do it while steady callers talk; of those, some may be lost."""
    sound = made_sound(1)
    steady = [
        asyncio.create_task(call(server.address, _STEADY_S, chunk_ms, sound, 0.01 * number))
        for number in range(_STEADY)
    ]
    await asyncio.sleep(1.0)
    held, what = await deed(server, chunk_ms)
    heard = await asyncio.gather(*steady)
    lost = sum(bool(each.error) or each.received < each.sent for each in heard)
    return Fault(name, held and lost <= may_lose, f"{what}; of {_STEADY} steady callers {lost} were lost")


async def _storm(server: RunningServer, chunk_ms: float) -> tuple[bool, str]:
    sound, began_s = made_sound(2), time.perf_counter()
    heard = await asyncio.gather(*(call(server.address, 0.2, chunk_ms, sound) for _ in range(_STORM)))
    took_s = time.perf_counter() - began_s
    served = [each for each in heard if not each.error]
    slowest_ms = 1e3 * max((each.began_s for each in served), default=0.0)
    held = len(served) == _STORM
    return held, (
        f"{_STORM} callers joined at once and left within {took_s:.1f} s, {len(served)} were served, "
        f"the slowest waited {slowest_ms:.0f} ms for its place"
    )


async def _slow(server: RunningServer, chunk_ms: float) -> tuple[bool, str]:
    codes = await asyncio.gather(*(_never_reads(server.address) for _ in range(4)))
    return all(code == "ended" for code in codes), (
        f"4 clients sent and never read: {codes.count('ended')} were held back and then ended by the server"
    )


async def _never_reads(address: str) -> str:
    """Sends as fast as it may, and reads nothing, until the server ends it."""
    # Read by hand, so that nothing is: a library's client reads ahead.
    host, port = address.removeprefix("ws://").partition("/")[0].rsplit(":", 1)
    _, writer = await asyncio.open_connection(host.strip("[]"), int(port), limit=1024)
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    writer.write(f"GET /v1/stream HTTP/1.1\r\nHost: {host}\r\n{upgrade}{key}\r\n".encode())
    writer.write(_frame(json.dumps({"rate": 192_000, "format": "float32"}).encode(), 1))
    until_s = time.perf_counter() + 60
    try:
        while time.perf_counter() < until_s:
            writer.write(_frame(bytes(4 * 19_200), 2))
            await asyncio.wait_for(writer.drain(), 60)
            await asyncio.sleep(0.01)
    except (OSError, TimeoutError):
        return "ended"
    finally:
        writer.transport.abort()
    return "served on"


def _frame(payload: bytes, opcode: int) -> bytes:
    """A client's WebSocket frame, masked with zeros (RFC 6455, section 5.2)."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 127]) + size.to_bytes(8, "big")
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


async def _broken(server: RunningServer, chunk_ms: float) -> tuple[bool, str]:
    told = [await _answer(server.address, message) for message, _ in _BROKEN]
    right = sum(code == expected for code, (_, expected) in zip(told, _BROKEN, strict=True))
    return right == len(_BROKEN), f"{right} of {len(_BROKEN)} were answered rightly ({', '.join(told)})"


async def _answer(address: str, message: bytes | str) -> str:
    async with connect(address, **LINK) as link:
        await link.send(json.dumps({"rate": RATE}))
        await link.recv()
        await link.send(message)
        try:
            return str(json.loads(await link.recv()).get("code", ""))
        except ConnectionClosed as closed:
            return str(closed.rcvd.code if closed.rcvd else 1006)


async def _kill(server: RunningServer, chunk_ms: float) -> tuple[bool, str]:
    before = await asyncio.to_thread(server.numbers)
    os.kill(int(before['lipstream_pid{worker="0"}']), signal.SIGKILL)
    began_s = time.perf_counter()
    again: Heard = await call(server.address, 0.2, chunk_ms, made_sound(3))
    while (await asyncio.to_thread(server.numbers))["lipstream_ready"] < 2:
        if time.perf_counter() - began_s > 120:
            return False, "the worker did not come back in 120 s"
        await asyncio.sleep(0.05)
    took_s = time.perf_counter() - began_s
    return not again.error, (
        f"worker 0 was killed, a new caller was served after {1e3 * again.began_s:.0f} ms, "
        f"the worker was back after {took_s:.1f} s"
    )

"""A client that talks as a caller does, sound at the pace it plays, and notes how late it comes back."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from ...core.sample_kinds import to_int16
from ..speed.measurements import LEVEL

RATE = 16_000
#: How a caller connects: no compression, for sound does not shrink.
LINK: dict[str, Any] = {"compression": None, "max_size": None, "ping_interval": None, "open_timeout": 60}
#: Seconds of sound that every caller repeats.
_SOUND_S = 2.0


@dataclass
class Heard:
    """What a caller got.

    Attributes:
        latencies_s: of each chunk, from its sending until as many samples had come back.
        sent, received: samples; what was received holds the rest, which lags.
        error: code of the error that ended it; ``lost`` where the connection broke; empty: none.
        began_s: seconds from the start of connecting until the server was ready for it.
    """

    latencies_s: list[float] = field(default_factory=list)
    sent: int = 0
    received: int = 0
    error: str = ""
    began_s: float = 0.0


def made_sound(seed: int) -> bytes:
    """Noise as callers send it, int16."""
    samples = LEVEL * np.random.default_rng(seed).standard_normal(int(_SOUND_S * RATE))
    return to_int16(samples.astype(np.float32)).tobytes()


async def call(address: str, seconds: float, chunk_ms: float, sound: bytes, delay_s: float = 0.0) -> Heard:
    """Talk for so long, then hear the rest.

    Args:
        address: ``ws://...``.
        seconds: how long.
        chunk_ms: length of a message.
        sound: see `made_sound`.
        delay_s: before it begins, so that callers do not talk in step.
    """
    heard = Heard()
    await asyncio.sleep(delay_s)
    began_s = time.perf_counter()
    try:
        async with connect(address, **LINK) as link:
            await link.send(json.dumps({"rate": RATE, "format": "int16"}))
            if (told := json.loads(await link.recv()))["type"] != "ready":
                heard.error = told["code"]
                return heard
            heard.began_s = time.perf_counter() - began_s
            sending: list[tuple[int, float]] = []
            talking = asyncio.create_task(_talk(link, seconds, chunk_ms, sound, sending))
            try:
                await _listen(link, heard, sending)
            finally:
                talking.cancel()
                await asyncio.gather(talking, return_exceptions=True)
    except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError):
        heard.error = heard.error or "lost"
    return heard


async def _talk(
    link: Any, seconds: float, chunk_ms: float, sound: bytes, sending: list[tuple[int, float]]
) -> None:
    size = 2 * round(RATE * chunk_ms / 1000)
    start_s = time.perf_counter()
    for number in range(round(1000 * seconds / chunk_ms)):
        await asyncio.sleep(max(0.0, start_s + number * chunk_ms / 1000 - time.perf_counter()))
        at = number * size % (len(sound) - size)
        sending.append(((number + 1) * size // 2, time.perf_counter()))
        await link.send(sound[at - at % 2 : at - at % 2 + size])
    await link.send('{"type": "end"}')


async def _listen(link: Any, heard: Heard, sending: list[tuple[int, float]]) -> None:
    done = 0
    async for message in link:
        if isinstance(message, str):
            told = json.loads(message)
            heard.sent = told.get("samples", 0)
            heard.error = told.get("code", "")
            return
        now_s = time.perf_counter()
        heard.received += len(message) // 2
        while done < len(sending) and sending[done][0] <= heard.received:
            heard.latencies_s.append(now_s - sending[done][1])
            done += 1
    heard.error = "lost"

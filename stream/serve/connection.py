"""One client of a worker: HTTP for its health and its numbers, a WebSocket for a stream."""

import asyncio
import hmac
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect

from .config import ServeConfig
from .engine import Engine, Stream
from .protocol import (
    CLOSE_DONE,
    CLOSE_RESTART,
    CLOSE_TIMEOUT,
    CLOSE_UNAUTHORISED,
    EndMessage,
    Hello,
    LipsMessage,
    RefusalError,
    decode,
    encode,
    parse_hello,
    parse_message,
)
from .table import Table

#: How long a client that is told why it is sent away may take to read that.
_LAST_WORD_S = 1.0
WEBSOCKET_PATH = "/v1/stream"


def make_app(config: ServeConfig, engine: Engine, table: Table, draining: Callable[[], bool]) -> FastAPI:
    """The web application of a worker.

    Args:
        config: of the server.
        engine: of this worker.
        table: of all workers.
        draining: whether no new streams are taken.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    async def health() -> Response:
        told = {
            "status": "draining" if draining() else "ok",
            "workers": int(table.total("ready")),
            "streams": int(table.total("streams")),
            "room": int(table.total("room")),
        }
        return Response(json.dumps(told), 503 if draining() else 200, media_type="application/json")

    @app.get("/metrics")
    async def metrics(request: Request) -> Response:
        if config.token and not _is_token(_bearer(request.headers), config.token):
            return Response("send the header 'Authorization: Bearer TOKEN'\n", 401)
        return Response(table.prometheus(), media_type="text/plain; version=0.0.4")

    @app.websocket(WEBSOCKET_PATH)
    async def stream(websocket: WebSocket) -> None:
        # Any page in a browser on this machine could connect: only a token tells whether it may.
        if "origin" in websocket.headers and not config.token:
            await websocket.close()  # before it is accepted: HTTP 403
            return
        await websocket.accept()
        await _Connection(websocket, config, engine, draining).serve()

    return app


class _Connection:
    def __init__(
        self, websocket: WebSocket, config: ServeConfig, engine: Engine, draining: Callable[[], bool]
    ) -> None:
        self._websocket, self._config = websocket, config
        self._engine, self._draining = engine, draining

    async def serve(self) -> None:
        """From the hello until the WebSocket is closed."""
        try:
            await self._serve()
        except RefusalError as refusal:
            self._engine.row.add("refused_total")
            await self._send_away(refusal)
        except WebSocketDisconnect:
            self._engine.row.add("lost_total")

    async def _serve(self) -> None:
        hello = await self._hello()
        stream = self._engine.join(hello)
        writer = asyncio.create_task(self._write(stream))
        try:
            await self._websocket.send_text(self._ready(stream))
            await self._read(stream)
            await writer
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if stream.problem is None or task is None:
                raise
            task.uncancel()
            raise stream.problem from None
        finally:
            done = self._done(stream)
            self._engine.leave(stream)
            writer.cancel()
            with suppress(asyncio.CancelledError, WebSocketDisconnect):
                await writer
        self._engine.row.add("done_total")
        await self._websocket.send_text(done)
        await self._websocket.close(CLOSE_DONE)

    async def _hello(self) -> Hello:
        limits = self._config.limits
        try:
            _, text = await asyncio.wait_for(self._receive(), limits.hello_s)
        except TimeoutError:
            raise RefusalError(
                "bad_hello",
                f'no hello came within {limits.hello_s:g} s: send {{"rate": 16000, "format": "int16"}} first',
                CLOSE_TIMEOUT,
            ) from None
        hello = parse_hello(text)
        token = self._config.token
        if token and not _is_token(hello.token or _bearer(self._websocket.headers), token):
            raise RefusalError(
                "unauthorised",
                "the token is missing or wrong: send the header 'Authorization: Bearer TOKEN', or \"token\" "
                "in the hello",
                CLOSE_UNAUTHORISED,
            )
        if self._draining():
            raise RefusalError("draining", "this server is about to end: connect again", CLOSE_RESTART)
        return hello

    async def _read(self, stream: Stream) -> None:
        """Take what the client says, until its end."""
        most = int(self._config.limits.message_s * stream.hello.rate)
        while True:
            data, text = await self._receive()
            if data is not None:
                stream.push(decode(data, stream.hello.format, most))
                await stream.wait_for_room()
                continue
            message = parse_message(text or "")
            if isinstance(message, EndMessage):
                stream.end()
                return
            if isinstance(message, LipsMessage):
                if self._engine.pool.lips != "landmarks":
                    raise RefusalError("bad_lips", "this server's model takes no landmarks: send sound alone")
                stream.see(message)
            else:
                controls = self._engine.pool.controls(stream.number)
                for name, value in message.values.items():
                    setattr(controls, name, value)

    async def _receive(self) -> tuple[bytes | None, str | None]:
        """The next message: bytes or text."""
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1006))
        return message.get("bytes"), message.get("text")

    async def _write(self, stream: Stream) -> None:
        while (sound := await stream.output()) is not None:
            await self._websocket.send_bytes(encode(sound, stream.hello.format))

    def _ready(self, stream: Stream) -> str:
        from ... import __version__

        pool = self._engine.pool
        latency = pool.latency_of(stream.number)
        return json.dumps(
            {
                "type": "ready",
                "version": __version__,
                "rate": stream.hello.rate,
                "format": stream.hello.format,
                "latency_samples": latency.total,
                "latency_ms": round(latency.ms, 3),
                "lips": pool.lips,
                "max_message_samples": int(self._config.limits.message_s * stream.hello.rate),
            }
        )

    def _done(self, stream: Stream) -> str:
        pool = self._engine.pool
        return json.dumps(
            {
                "type": "done",
                "samples": stream.received,
                "mean_alpha": round(pool.mean_alpha(stream.number), 4),
                "limited_samples": pool.limited_samples(stream.number),
            }
        )

    async def _send_away(self, refusal: RefusalError) -> None:
        # A client that does not read, or has gone, is not waited for; the worker drops it.
        with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
            async with asyncio.timeout(_LAST_WORD_S):
                await self._websocket.send_text(refusal.as_json())
                await self._websocket.close(refusal.close, refusal.code)


def _bearer(headers: Any) -> str:
    kind, _, token = str(headers.get("authorization", "")).partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _is_token(shown: str, token: str) -> bool:
    return hmac.compare_digest(shown.encode(), token.encode())

"""A network camera on the loopback: a clip as an MJPEG stream that can be disturbed while it plays.

By hand: ``python tests/stream/video/camera/mjpeg_server.py CLIP [--port N]`` prints the address and plays
until Ctrl-C, for ``lipstream live --camera ADDRESS``.
"""

import argparse
import contextlib
import threading
import time
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

BOUNDARY = "frame"


class Mode(Enum):
    """What the camera does."""

    PLAY = auto()
    STALL = auto()  # the connection stays open and nothing comes
    REFUSE = auto()  # the connection breaks, and new ones are turned away
    FREEZE = auto()  # the same frame over and over
    BLACK = auto()


class MjpegServer:
    """Plays a clip over and over at ``url``; a context manager.

    Frame k of the clip is sent at ``epoch_s + k / fps`` (and a clip's length later, and so on), whoever
    connects when, so that sound can be played in step with it. `mode` and `fps` may change at any time.

    Args:
        clip: any video that OpenCV reads; its first 30 seconds are kept in memory as JPEG.
        size: width and height to scale to; None for the clip's own.
        fps: frames a second that are sent; a lower rate than the clip's leaves frames out.
        port: 0 for any free one.
    """

    def __init__(
        self, clip: Path, size: tuple[int, int] | None = None, fps: float | None = None, port: int = 0
    ) -> None:
        self._frames, self._clip_fps = _jpegs(clip, size)
        self._black = _jpeg(np.zeros_like(_frame(self._frames[0])))
        self._stopping = threading.Event()
        self.fps = fps or self._clip_fps
        self.mode = Mode.PLAY
        self.epoch_s = time.perf_counter()
        self.sent: list[float] = []  # time of each frame sent
        self.connections = 0
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/camera.mjpg"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._http.shutdown()
        self._http.server_close()

    def stream(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one connection until it breaks, the mode says so, or the server stops."""
        if self._refuses():
            handler.send_error(503)
            return
        self.connections += 1
        handler.send_response(200)
        handler.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        handler.end_headers()
        frozen = None
        while not self._refuses() and not self._wait_for_next():
            if self.mode is Mode.STALL:
                continue
            jpeg = self._black if self.mode is Mode.BLACK else self._due()
            frozen = (frozen or jpeg) if self.mode is Mode.FREEZE else None
            jpeg = frozen or jpeg
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            try:
                handler.wfile.write(head.encode() + jpeg + b"\r\n")
            except OSError:  # the other side is gone
                return
            self.sent.append(time.perf_counter())

    def _refuses(self) -> bool:
        return self.mode is Mode.REFUSE

    def _wait_for_next(self) -> bool:
        """Wait until the next frame is due; True once the server stops."""
        elapsed = (time.perf_counter() - self.epoch_s) * self.fps
        return self._stopping.wait((1 - elapsed % 1) / self.fps)

    def _due(self) -> bytes:
        # Half a frame on, for the wait that ends a little early.
        place = (time.perf_counter() - self.epoch_s) * self._clip_fps + 0.5 * self._clip_fps / self.fps
        return self._frames[int(place) % len(self._frames)]


def _handler(server: MjpegServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.stream(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def _jpegs(clip: Path, size: tuple[int, int] | None) -> tuple[list[bytes], float]:
    """The frames of a clip, and how many a second."""
    capture = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG)
    fps = capture.get(cv2.CAP_PROP_FPS)
    jpegs: list[bytes] = []
    while len(jpegs) < 30 * fps:
        decoded, bgr = capture.read()
        if not decoded:
            break
        jpegs.append(_jpeg(np.asarray(bgr if size is None else cv2.resize(bgr, size), dtype=np.uint8)))
    capture.release()
    return jpegs, fps


def _jpeg(bgr: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def _frame(jpeg: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), dtype=np.uint8)


def main() -> None:
    """Play a clip until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Play a clip as a network camera on the loopback.")
    parser.add_argument("clip", type=Path)
    parser.add_argument("--port", type=int, default=8081, help="(%(default)s)")
    args = parser.parse_args()
    with MjpegServer(args.clip, port=args.port) as server:
        print(server.url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()

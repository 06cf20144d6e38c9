"""A session on endpoints and a camera that the test plays."""

import threading
import time
from collections.abc import Callable

import numpy as np

from lipstream import InputError
from lipstream.core.arrays import Float32, UInt8
from lipstream.stream.devices.endpoints import Deliver, EndpointInfo, Render
from lipstream.stream.live.camera_watch import Camera, Encode
from lipstream.stream.live.config import LiveConfig
from lipstream.stream.live.session import LiveSession
from lipstream.stream.runtimes.base import Runtime
from lipstream.stream.video.camera.status import CameraState, CameraStatus, LipsMailbox
from lipstream.stream.video.frames import LipFrame
from lipstream.tests.stream.faces import face

RATE, BLOCK = 16_000, 160


class Endpoint:
    """A source and a sink in one, which the test plays block by block."""

    def __init__(self, name: str) -> None:
        self.info = EndpointInfo(name, RATE, BLOCK, 0.0, name)
        self.alive = False
        self.refuses = ""
        self.call: Callable[[Float32, float], None] | None = None
        self.may_stop = threading.Event()
        self.may_stop.set()

    def start(self, call: Deliver | Render) -> None:
        if self.refuses:
            raise InputError(self.refuses)
        self.call = call
        self.alive = True

    def stop(self) -> None:
        self.may_stop.wait(60.0)
        self.alive = False

    def play(self, block: Float32) -> None:
        """Hand over a block."""
        if self.call is not None:
            self.call(block, time.perf_counter())


class FakeCamera:
    """Encodes crops of one grey each, when told to; or gives landmarks with a mark of that, times 5."""

    def __init__(self, encode: Encode | None, mailbox: LipsMailbox) -> None:
        self._encode, self._mailbox = encode, mailbox
        self.frames = 0
        self.state, self.reason = CameraState.TRACKING, ""
        self.closed = False

    def start(self) -> None: ...

    def close(self) -> None:
        self.closed = True

    def status(self) -> CameraStatus:
        return CameraStatus(self.state, self.reason, 25.0, 0.02, self.frames, 0, 0)

    def see(self, grey: int) -> None:
        self.frames += 1
        captured_s = time.perf_counter() - 0.05
        if self._encode is None:
            self._mailbox.put(LipFrame(self.frames, captured_s, landmarks=face(5.0 * grey)))
            return
        crop: UInt8 = np.full((96, 96, 3), grey, np.uint8)
        self._mailbox.put(LipFrame(self.frames, captured_s, crop, self._encode(crop)))


class Stage:
    """A session on endpoints that the test plays, with what it said."""

    def __init__(self, runtime: Runtime, config: LiveConfig) -> None:
        self.source, self.sink = Endpoint("mic"), Endpoint("phones")
        self.said: list[str] = []
        self.camera: FakeCamera | None = None
        self.session = LiveSession(
            config,
            source=self.source,
            sink=self.sink,
            camera=self._make_camera,
            runtime=runtime,
            on_message=self.said.append,
        )

    def _make_camera(self, encode: Encode | None, mailbox: LipsMailbox) -> Camera:
        self.camera = FakeCamera(encode, mailbox)
        return self.camera

    def play(self, sound: Float32) -> Float32:
        """Let it be heard, in about real time; gives what comes out meanwhile."""
        given = sound.reshape(-1, BLOCK).copy()
        for block in given:
            self.source.play(block.copy())
            self.sink.play(block)
            time.sleep(BLOCK / RATE)
        return given.ravel()

    def says(self, words: str) -> bool:
        return any(words in line for line in self.said)


def noise(seconds: float) -> Float32:
    count = round(seconds * RATE) // BLOCK * BLOCK
    return np.random.default_rng(5).uniform(-0.5, 0.5, count).astype(np.float32)

"""The thread that reads the camera: it keeps the newest video frame, and brings a lost camera back."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from ....errors import InputError
from ..frames import VideoFrame
from .capture import Capture
from .status import Backoff


@dataclass(frozen=True)
class GrabberStatus:
    """How the reading goes.

    Attributes:
        connected: whether the camera is open.
        problem: why it is not, one line; empty otherwise and before the first attempt.
        grabbed: frames that came so far, those dropped included.
        reconnects: how often the camera came back after it was lost.
    """

    connected: bool = False
    problem: str = ""
    grabbed: int = 0
    reconnects: int = 0


class Grabber:
    """Reads a camera on a thread of its own, which alone waits for it.

    OpenCV's reading blocks: for a network camera until its timeout, with some drivers for ever. So nobody
    waits long for this thread to end; it is left to itself then, and dies with the process.

    Args:
        open_camera: opens the camera; its InputError says why it cannot.
        max_fps: frames above this rate are grabbed but neither decoded nor kept.
        retry: the pauses between attempts to open the camera.
    """

    def __init__(self, open_camera: Callable[[], Capture], max_fps: float, retry: Backoff) -> None:
        self._open_camera = open_camera
        self._period_s = 1 / max_fps
        self._retry = retry
        self._stopping = threading.Event()
        self._arrived = threading.Event()
        self._newest: deque[VideoFrame] = deque(maxlen=1)
        self._status = GrabberStatus()
        self._thread = threading.Thread(target=self._run, name="lipstream-grabber", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Ask the thread to end, and give it so long."""
        self._stopping.set()
        self._arrived.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def take(self, timeout_s: float) -> VideoFrame | None:
        """The newest frame that was not taken yet, waited for; None if none comes in time."""
        self._arrived.wait(timeout_s)
        self._arrived.clear()
        try:
            return self._newest.pop()
        except IndexError:
            return None

    def status(self) -> GrabberStatus:
        """How the reading goes; from any thread."""
        return self._status

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                capture = self._open_camera()
                try:
                    self._read(capture)
                finally:
                    capture.close()
                problem = "the camera gives no more video frames"
            except InputError as error:
                problem = str(error)
            except Exception as error:  # whatever a driver raises: the audio must go on, and so must we
                problem = f"the camera fails ({error or type(error).__name__})"
            self._status = replace(self._status, connected=False, problem=problem)
            self._stopping.wait(self._retry.next_s())

    def _read(self, capture: Capture) -> None:
        """Read until the camera is lost or `close` is called."""
        due_s: float | None = None
        while (captured_s := capture.grab()) is not None and not self._stopping.is_set():
            self._count()
            # Half a period early will do: a camera of just this rate jitters about it.
            if due_s is not None and captured_s < due_s - self._period_s / 2:
                continue
            # Time owed carries over, so that of 30 frames a second 25 are kept and not 15.
            due_s = max(due_s or captured_s, captured_s - self._period_s) + self._period_s
            if (rgb := capture.retrieve()) is not None:
                self._newest.append(VideoFrame(captured_s, rgb))
                self._arrived.set()

    def _count(self) -> None:
        before = self._status
        self._retry.reset()
        came_back = not before.connected and before.grabbed > 0
        self._status = GrabberStatus(True, "", before.grabbed + 1, before.reconnects + came_back)

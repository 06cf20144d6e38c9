"""The process that a `CameraProcess` starts: it reads lips and sends them home until it is let go.

``python -m lipstream.stream.video.camera.main`` gets one pickled job on stdin, which then stays open for as
long as lips are wanted, and gives pickled `LipFrame` and `CameraStatus` on stdout, as they come.
"""

import os
import pickle
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, NamedTuple

import numpy as np

from ....core.arrays import Float32, UInt8
from ....errors import InputError
from ...runtimes.base import LipsKind
from ..frames import LipFrame
from .names import Camera
from .status import CameraState, CameraStatus, LipsMailbox

#: Seconds between two statuses.
TURN_S = 0.2
#: Added to the niceness of the process that asks: a computer with too much to do takes its time from the
#: lips, and not from the sound.
NICENESS = 5
#: Exit code of a process that has told why it ends.
EXIT_FAILED = 1


class CameraJob(NamedTuple):
    """What the process is to do.

    Attributes:
        camera: index, URL or video file.
        face_model: path of ``face_landmarker.task``; None looks it up.
        lips: "landmarks", or "crops".
        model: whose visual encoder is to embed crops; None: they go home with an empty embedding.
    """

    camera: Camera
    face_model: Path | None
    lips: LipsKind
    model: str | None


class Outbox(LipsMailbox):
    """A mailbox that sends on what is put into it, as well as statuses; from any thread.

    Args:
        pipe: where to.
    """

    def __init__(self, pipe: BinaryIO) -> None:
        super().__init__()
        self._pipe = pipe
        self._lock = threading.Lock()

    def put(self, frame: LipFrame) -> None:
        self.send(frame)

    def send(self, message: LipFrame | CameraStatus) -> None:
        """Send a message; waits while the other side is slow."""
        with self._lock:
            pickle.dump(message, self._pipe, pickle.HIGHEST_PROTOCOL)
            self._pipe.flush()


def main() -> None:
    """Do the job until stdin is closed, which it is when the other process ends, however it ends."""
    job = CameraJob(*pickle.load(sys.stdin.buffer))
    threading.Thread(target=_leave_with_the_caller, daemon=True).start()
    outbox = Outbox(_stdout_for_messages())
    _stand_back()
    outbox.send(_without_lips(CameraState.STARTING, ""))
    try:
        _watch(job, outbox)
    except InputError as error:  # something is not installed: beginning again changes nothing
        outbox.send(_without_lips(CameraState.FAILING, str(error)))
        threading.Event().wait()
    except BaseException as error:
        outbox.send(_without_lips(CameraState.FAILING, f"the camera's process failed ({error!r})"))
        os._exit(EXIT_FAILED)  # not Python's own end, which waits for native threads


def _watch(job: CameraJob, outbox: Outbox) -> None:
    """Fill the outbox, for ever."""
    _do_without_matplotlib()
    from .thread import CameraThread

    encode = _encoder(job.model) if job.lips == "crops" else None
    camera = CameraThread(job.camera, encode, outbox, face_model=job.face_model)
    camera.start()
    waiting = threading.Event()
    while not waiting.wait(TURN_S):
        outbox.send(camera.status())


def _encoder(model: str | None) -> Callable[[UInt8], Float32]:
    if model is None:
        return lambda crop: np.zeros(0, np.float32)
    from ....models.store.registry import graph_files
    from ...runtimes.onnx_graph import LipsEncoder

    return LipsEncoder(graph_files(model)[1], model).encode


def _leave_with_the_caller() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def _stdout_for_messages() -> BinaryIO:
    """Stdout for messages alone: what a library prints goes where stderr goes."""
    messages = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return messages


def _stand_back() -> None:
    """Let other processes go first (on Windows this one was started so)."""
    if sys.platform != "win32":
        os.nice(NICENESS)


def _do_without_matplotlib() -> None:
    """MediaPipe imports it for a function that nobody calls here, and a second goes by.

    Half a minute, where matplotlib has yet to list the computer's fonts.
    """
    sys.modules["matplotlib"] = ModuleType("matplotlib")
    sys.modules["matplotlib.pyplot"] = ModuleType("matplotlib.pyplot")


def _without_lips(state: CameraState, reason: str) -> CameraStatus:
    return CameraStatus(state, reason, fps=0.0, face_age_s=None, frames=0, failures=0, reconnects=0)


if __name__ == "__main__":
    main()

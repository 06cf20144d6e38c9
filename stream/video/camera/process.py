"""The camera side in a process of its own, so that nothing it does can hold up the sound.

MediaPipe and OpenCV keep threads busy, load for seconds and may crash. Beside them in one process the audio
worker waited for up to 17 ms now and then (for Python's lock, and for a processor): longer than there is
audio buffered.
"""

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from ....core.arrays import Float32, UInt8
from ...dsp.clock import Clock, MonotonicClock
from ...runtimes.base import LipsKind
from ..frames import LipFrame
from .main import EXIT_FAILED, CameraJob
from .names import Camera
from .status import Backoff, CameraState, CameraStatus, LipsMailbox

#: Pauses before a process that crashed is started again: the first one, and the longest.
RETRY_S, LONGEST_RETRY_S = 0.5, 10.0
#: A process that says nothing for so long hangs.
SILENT_S = 10.0
#: Time that `close` gives the thread that listens to it.
_CLOSE_S = 0.5
#: Where numerical libraries look for the number of threads to take.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class CameraProcess:
    """Keeps a mailbox filled with the newest lips of a camera, as `CameraThread` does; a context manager.

    The process has a lower priority, and ends with this one, also if this one is killed. If it crashes it is
    started again, after a pause. Times are `time.perf_counter`'s, which all processes of a computer share.

    Args:
        camera: index, URL (MJPEG over HTTP, RTSP) or video file (played in real time, over and over).
        encoder: None for lips as landmarks. For crops the name of a preset, whose visual encoder runs in that
            process as well; or a function that turns a crop uint8 ``[96, 96, 3]`` into its embedding, called
            on a thread of this process.
        mailbox: where lips go; from one thread.
        face_model: path of ``face_landmarker.task``; None looks it up (see `find_face_model`).
        retry: the pauses before a crashed process is started again; None for the usual ones.
        clock: in step with `time.perf_counter`; None for the computer's.
    """

    def __init__(
        self,
        camera: Camera,
        encoder: str | Callable[[UInt8], Float32] | None,
        mailbox: LipsMailbox,
        face_model: Path | None = None,
        retry: Backoff | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._encode = None if isinstance(encoder, str) else encoder
        lips: LipsKind = "landmarks" if encoder is None else "crops"
        self._job = CameraJob(camera, face_model, lips, encoder if isinstance(encoder, str) else None)
        self._mailbox = mailbox
        self._retry = retry or Backoff(RETRY_S, LONGEST_RETRY_S)
        self._clock = clock or MonotonicClock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lipstream-camera", daemon=True)
        self._process: subprocess.Popen[bytes] | None = None
        # Written by the thread, each in one piece, and read by `status`.
        self._told = CameraStatus(CameraState.STARTING, "", 0.0, None, 0, 0, 0)
        self._told_s = self._clock.now()
        self._frames = 0
        self._failures = self._reconnects = 0  # of the processes that have ended

    @property
    def pid(self) -> int | None:
        """The process, as the system counts them; None while there is none."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Begin, at once: the process opens the camera and the face model, and `status` says how it goes."""
        self._thread.start()

    def close(self) -> None:
        """Stop; idempotent, and back within a second."""
        self._closing.set()
        if (process := self._process) is not None:
            process.kill()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def status(self) -> CameraStatus:
        """How things stand; from any thread."""
        told, age_s = self._told, self._clock.now() - self._told_s
        told = replace(
            told,
            frames=self._frames,
            failures=told.failures + self._failures,
            reconnects=told.reconnects + self._reconnects,
            face_age_s=None if told.face_age_s is None else told.face_age_s + age_s,
        )
        if self._closing.is_set():
            return replace(told, state=CameraState.STOPPED)
        if self._process is not None and age_s > SILENT_S:
            return replace(told, state=CameraState.FAILING, reason="the camera's process does not answer")
        return told

    def _run(self) -> None:
        """Have a process at work until `close`."""
        while not self._closing.is_set():
            try:
                self._process = process = _start()
                if self._closing.is_set():  # in the meantime, with nothing to kill yet
                    process.kill()
                trouble = self._listen(process)
            except OSError as error:
                trouble = f"the camera's process cannot be started ({error.strerror})"
            self._process = None
            if self._closing.is_set():
                return
            self._failures += self._told.failures + 1
            self._reconnects += self._told.reconnects
            self._note(CameraStatus(CameraState.FAILING, f"{trouble}: trying again", 0.0, None, 0, 0, 0))
            self._closing.wait(self._retry.next_s())

    def _listen(self, process: "subprocess.Popen[bytes]") -> str:
        """Give a process its job and take what it sends until it ends; gives why it did."""
        assert process.stdin is not None
        assert process.stdout is not None
        trouble = ""
        with process, process.stdin as job, process.stdout as messages:
            try:
                pickle.dump(tuple(self._job), job)
                job.flush()
                self._told_s = self._clock.now()
                while True:
                    self._take(pickle.load(messages))
            except (EOFError, OSError, pickle.UnpicklingError):  # it has ended, perhaps within a message
                pass
            except Exception as error:  # of the encoder: the audio must go on
                trouble = f"reading lips failed ({error or type(error).__name__})"
            process.kill()
        if trouble:
            return trouble
        if process.returncode == EXIT_FAILED and self._told.state is CameraState.FAILING:
            return self._told.reason
        return f"the camera's process ended ({_end_of(process.returncode)})"

    def _take(self, message: LipFrame | CameraStatus) -> None:
        if isinstance(message, CameraStatus):
            self._note(message)
            return
        embedding = message.embedding
        if self._encode is not None and message.crop is not None:
            embedding = self._encode(message.crop)
        self._frames += 1
        self._mailbox.put(replace(message, sequence=self._frames, embedding=embedding))
        self._retry.reset()

    def _note(self, status: CameraStatus) -> None:
        self._told, self._told_s = status, self._clock.now()


def _start() -> "subprocess.Popen[bytes]":
    """A fresh process: a fork would copy this one's threads in the middle of their work.

    It is out of reach of the terminal's Ctrl-C, and told to end by the end of its stdin.
    """
    # Also what this program has added to its path. -P: nothing from the folder it happens to be in.
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    alone: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        alone = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "lipstream.stream.video.camera.main"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # MediaPipe and FFmpeg speak there; what matters comes as a status
        env=os.environ | {"PYTHONPATH": path} | dict.fromkeys(_THREADS, "1"),
        **alone,
    )


def _end_of(code: int) -> str:
    """An exit code in words."""
    try:
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"
    except ValueError:
        return f"signal {-code}"

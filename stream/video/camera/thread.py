"""The camera thread: video frame, face, lips, mailbox. Whatever fails here, the audio goes on."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from ....core.arrays import Float32, UInt8
from ....errors import InputError
from ...dsp.clock import Clock, MonotonicClock
from ..frames import LipFrame, Sight
from ..lips.lip_reader import LipReader
from .capture import open_camera
from .diagnosis import CameraLimits, FrameWatch, Observed, RateMeter, judge
from .grabber import Grabber
from .names import Camera
from .status import Backoff, CameraState, CameraStatus, LipsMailbox

__all__ = ["CameraConfig", "CameraLimits", "CameraState", "CameraStatus", "CameraThread"]

#: How often the thread looks up while no frame comes.
_TURN_S = 0.2
#: Time that `close` gives the thread that reads and the thread that works: together below a second.
_READING_ENDS_S, _WORK_ENDS_S = 0.2, 0.6


@dataclass(frozen=True)
class CameraConfig:
    """How the camera thread works.

    Attributes:
        max_fps: frames a second to look at; the model was trained at 25.
        max_load: share of its time that the thread works at most: a slow computer, or several faces, give
            fewer frames a second instead of a busy core, of which the audio may be in need.
        retry_s: the first pause before a lost camera is opened again, or failed landmarks are begun again.
        longest_retry_s: the longest, to which pauses double.
        limits: when the camera is called lost, frozen and so on.
    """

    max_fps: float = 25.0
    max_load: float = 0.7
    retry_s: float = 0.5
    longest_retry_s: float = 5.0
    limits: CameraLimits = CameraLimits()  # noqa: RUF009, it is frozen

    def __post_init__(self) -> None:
        if self.max_fps <= 0:
            raise ValueError(f"max_fps must be positive, not {self.max_fps:g}")
        if not 0 < self.max_load <= 1:
            raise ValueError(f"max_load must be above 0 and at most 1, not {self.max_load:g}")
        if not 0 < self.retry_s <= self.longest_retry_s:
            raise ValueError("retry_s must be positive, and longest_retry_s not below it")


class CameraThread:
    """Keeps a mailbox filled with the newest lips of a camera; a context manager.

    Where no lips are to be had, whatever the reason, the mailbox gets no new frame and `status` says why.

    Args:
        camera: index, URL (MJPEG over HTTP, RTSP) or video file (played in real time, over and over).
        encode: turns a crop uint8 ``[96, 96, 3]`` into its embedding; called on this thread alone. None: the
            lips are landmarks.
        mailbox: where lips go; from this thread alone.
        config: how to work; None for the defaults.
        face_model: path of ``face_landmarker.task``; None looks it up (see `find_face_model`).
        clock: stamps the frames; None for the computer's.
    """

    def __init__(
        self,
        camera: Camera,
        encode: Callable[[UInt8], Float32] | None,
        mailbox: LipsMailbox,
        config: CameraConfig | None = None,
        face_model: str | Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._encode = encode
        self._mailbox = mailbox
        self._config = config = config or CameraConfig()
        self._face_model = face_model
        self._clock = clock = clock or MonotonicClock()
        self._retry = Backoff(config.retry_s, config.longest_retry_s)
        retry_camera = Backoff(config.retry_s, config.longest_retry_s)
        self._grabber = Grabber(lambda: open_camera(camera, clock), config.max_fps, retry_camera)
        self._meter = RateMeter(clock)
        self._watch = FrameWatch(config.limits.frozen_after_s)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lipstream-camera", daemon=True)
        # Written by the thread, each in one piece, and read by `status`.
        self._problem = ""
        self._sight: Sight | None = None
        self._looked_s: float | None = None
        self._lips_s: float | None = None
        self._frames = 0
        self._failures = 0

    def start(self) -> None:
        """Begin, at once: threads open the camera and the face model, and `status` says how it goes."""
        self._grabber.start()
        self._thread.start()

    def close(self) -> None:
        """Stop; idempotent, and back within a second even while the camera blocks."""
        self._stopping.set()
        self._grabber.close(_READING_ENDS_S)
        if self._thread.is_alive():
            self._thread.join(_WORK_ENDS_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def status(self) -> CameraStatus:
        """How things stand; from any thread."""
        seen = Observed(
            problem=self._problem,
            grabber=self._grabber.status(),
            frame_age_s=self._age(self._looked_s),
            lips_age_s=self._age(self._lips_s),
            sight=self._sight,
            fps=self._meter.rate,
        )
        state, reason = judge(seen, self._config.limits)
        return CameraStatus(
            state=CameraState.STOPPED if self._stopping.is_set() else state,
            reason=reason,
            fps=seen.fps or 0.0,
            face_age_s=seen.lips_age_s,
            frames=self._frames,
            failures=self._failures,
            reconnects=seen.grabber.reconnects,
        )

    def _age(self, time_s: float | None) -> float | None:
        return None if time_s is None else self._clock.now() - time_s

    def _run(self) -> None:
        """Read lips until `close`; begin again, after a pause, when landmarks or encoder fail."""
        while not self._stopping.is_set():
            try:
                with LipReader("crops" if self._encode else "landmarks", self._face_model) as reader:
                    self._work(reader)
            except InputError as error:  # no face model or no MediaPipe: trying again changes nothing
                self._problem = str(error)
                self._grabber.close(0.0)
                return
            except Exception as error:  # whatever it is, the audio must go on
                self._failures += 1
                self._problem = f"reading lips failed ({error or type(error).__name__}): trying again"
                self._stopping.wait(self._retry.next_s())

    def _work(self, reader: LipReader) -> None:
        while not self._stopping.is_set():
            self._meter.update(self._grabber.status().grabbed)
            frame = self._grabber.take(_TURN_S)
            if frame is None:
                continue
            began_s = self._clock.now()
            self._note(frame.time_s, self._watch.look(frame) or reader.look(frame))
            worked_s = self._clock.now() - began_s
            self._stopping.wait(worked_s / self._config.max_load - worked_s)

    def _note(self, captured_s: float, seen: LipFrame | Sight) -> None:
        """Pass lips on, and write down for `status` how it went."""
        if isinstance(seen, LipFrame):
            self._frames += 1
            self._mailbox.put(replace(self._encoded(seen), sequence=self._frames))
            self._lips_s, self._sight = captured_s, None
            self._retry.reset()
        elif seen is not Sight.REPEATED:
            self._sight = seen
        self._looked_s = captured_s
        self._problem = ""

    def _encoded(self, lips: LipFrame) -> LipFrame:
        if self._encode is None or lips.crop is None:
            return lips
        return replace(lips, embedding=self._encode(lips.crop))

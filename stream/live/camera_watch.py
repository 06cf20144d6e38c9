"""The camera of a session: opened while the audio runs already, and watched, for the user to know."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from ...core.arrays import Float32, UInt8
from ...core.extras import needs_extra
from ...errors import InputError
from ..video.camera.names import Camera as CameraName
from ..video.camera.process import CameraProcess
from ..video.camera.status import CameraStatus, LipsMailbox
from ..video.lips.face_model import local_face_model

Encode = Callable[[UInt8], Float32]


class Camera(Protocol):
    """Fills a mailbox with lips: a `CameraProcess` or a `CameraThread`."""

    def start(self) -> None: ...

    def close(self) -> None: ...

    def status(self) -> CameraStatus: ...


#: Makes a camera that encodes crops by the first (None: gives landmarks) and fills the second.
MakeCamera = Callable[[Encode | None, LipsMailbox], Camera]


def camera_maker(
    camera: CameraName | None, face_model: Path | None, model: str | None, tell: Callable[[str], None]
) -> MakeCamera | None:
    """For an index, a URL or a video file, in a process of its own; None for none.

    Args:
        camera: which one.
        face_model: path of ``face_landmarker.task``; None finds or fetches it.
        model: the preset whose visual encoder is to run in that process, if it has one that sees crops; None:
            crops are encoded in this one.
        tell: says one line to the user.
    """
    if camera is None:
        return None

    def make(encode: Encode | None, mailbox: LipsMailbox) -> Camera:
        for package in ("cv2", "mediapipe"):  # to be found; they are loaded in the process
            if find_spec(package) is None:
                raise needs_extra("video", "video", f"no {package}")
        if local_face_model(face_model) is None:
            tell("fetching MediaPipe's face model (3.8 MB), once")
        return CameraProcess(camera, encode and (model or encode), mailbox, face_model)

    return make


class CameraWatch:
    """Opens a camera and tells when its state changes. For one thread, but for `status` and `close`.

    Args:
        make: makes the camera; None: there is none.
        encode: crops of the session's model; None: it sees landmarks.
        tell: says one line to the user.

    Attributes:
        opened: whether `open` was called.
    """

    def __init__(self, make: MakeCamera | None, encode: Encode | None, tell: Callable[[str], None]) -> None:
        self._make = make
        self._encode = encode
        self._tell = tell
        self._camera: Camera | None = None
        self._told = ""
        self._closed = False
        self.opened = False

    def open(self) -> LipsMailbox | None:
        """Begin to look for lips; gives the mailbox they will lie in, or None where there is no video.

        What is missing is told; nothing is raised for it.
        """
        self.opened = True
        if self._make is None:
            return None
        try:
            mailbox = LipsMailbox()
            self._camera = self._make(self._encode, mailbox)
        except InputError as error:
            self._tell(f"no video, audio-only: {error}")
            return None
        self._camera.start()
        if self._closed:  # in the meantime, by another thread, which may not have seen the camera
            self._camera.close()
        return mailbox

    def look(self) -> None:
        """Tell the user what has changed for longer than a glance away."""
        status = self.status()
        if status is None or status.state in ("starting", "no face", "stopped"):
            return
        words = f"camera {status.state}" + (f": {status.reason}" if status.reason else "")
        if str(status.state) != self._told:
            self._told = str(status.state)
            self._tell(words)

    def status(self) -> CameraStatus | None:
        """How the camera stands; None without one."""
        return self._camera.status() if self._camera is not None else None

    def close(self) -> None:
        """Let the camera go, also one that is being opened now."""
        self._closed = True
        if self._camera is not None:
            self._camera.close()

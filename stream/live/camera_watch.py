"""The camera of a session: opened while the sound runs already, and watched, for the user to know."""

import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ...errors import InputError
from ..camera_names import Camera as CameraName
from ..runtimes.base import Float32, UInt8

if TYPE_CHECKING:  # OpenCV comes with them
    from ..video.camera_status import CameraStatus
    from ..video.mailbox import LipsMailbox

Encode = Callable[[UInt8], Float32]


class Camera(Protocol):
    """Fills a mailbox with lips: a `CameraThread`."""

    def start(self) -> None: ...

    def close(self) -> None: ...

    def status(self) -> "CameraStatus": ...


#: Makes a camera that encodes crops by the first and fills the second.
MakeCamera = Callable[[Encode, "LipsMailbox"], Camera]


def camera_maker(camera: CameraName | None, face_model: Path | None) -> MakeCamera | None:
    """For an index, a URL or a video file; None for none."""
    if camera is None:
        return None

    def make(encode: Encode, mailbox: "LipsMailbox") -> Camera:
        from ..video.camera import CameraThread

        return CameraThread(camera, encode, mailbox, face_model=face_model)

    return make


def begin_loading() -> threading.Thread:
    """Load the libraries of the video, on a thread to be joined before any sound runs.

    Loading OpenCV and MediaPipe stops every other thread of Python for up to 0.1 s at a time: longer than
    there is sound ready. What cannot be loaded is told when the camera is opened.
    """

    def load() -> None:
        with suppress(ImportError, InputError, OSError):
            import_module("..video.camera", __package__)
            import_module("mediapipe.tasks.python.vision")

    thread = threading.Thread(target=load, name="lipstream-video-loader", daemon=True)
    thread.start()
    return thread


class CameraWatch:
    """Opens a camera and tells when its state changes. For one thread, but for `status` and `close`.

    Args:
        make: makes the camera; None: there is none.
        encode: of the session's model.
        tell: says one line to the user.

    Attributes:
        opened: whether `open` was called.
    """

    def __init__(self, make: MakeCamera | None, encode: Encode, tell: Callable[[str], None]) -> None:
        self._make = make
        self._encode = encode
        self._tell = tell
        self._camera: Camera | None = None
        self._told = ""
        self.opened = False

    def open(self) -> "LipsMailbox | None":
        """Begin to look for lips; gives the mailbox they will lie in, or None where there is no video.

        What is missing is told; nothing is raised for it.
        """
        self.opened = True
        if self._make is None:
            return None
        try:
            from ..video.mailbox import LipsMailbox

            mailbox = LipsMailbox()
            self._camera = self._make(self._encode, mailbox)
        except InputError as error:
            self._tell(f"no video, the sound alone: {error}")
            return None
        self._camera.start()
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

    def status(self) -> "CameraStatus | None":
        """How the camera stands; None without one."""
        return self._camera.status() if self._camera is not None else None

    def close(self) -> None:
        """Let the camera go."""
        if self._camera is not None:
            self._camera.close()

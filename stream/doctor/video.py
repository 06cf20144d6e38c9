"""The doctor's look at video: OpenCV, MediaPipe and its face model, and a camera's true rate.

Only lips need any of it, so what is missing is no fault unless a camera is named.
"""

import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ...core.extras import install_line
from ...errors import InputError
from ..devices.portaudio_host import DeadlineError, within
from ..dsp.clock import MonotonicClock
from .check import Check, fingerprint, of_error, ok, problem, warn

#: The model was trained with lips at 25 a second; with fewer than these it sees too little of them.
GOOD_FPS = 20.0
#: Seconds over which a camera's rate is measured, and those that all of it may take.
MEASURE_S = 1.0
PATIENCE_S = 12.0


def check_video(camera: str | None, face_model: Path | None) -> Iterator[Check]:
    """What video needs, and the camera if one is named.

    Args:
        camera: index, URL or file; None: the camera is left alone.
        face_model: as for ``lipstream live``.
    """
    try:
        yield _opencv()
    except InputError as error:
        yield _wanted(of_error("video", error, "warn"), camera)
        return
    yield _wanted(_mediapipe(), camera)
    yield _wanted(_face_model(face_model), camera)
    if camera is not None:
        try:
            yield within(PATIENCE_S, lambda: _camera(camera))
        except InputError as error:
            yield of_error("camera", error)
        except DeadlineError:
            yield problem("camera", f"{camera} gives no video frames", "does another program hold it?")


def _wanted(check: Check, camera: str | None) -> Check:
    """The check, without a warning where nobody asks for a camera: live use does without, unless told."""
    if camera is not None or check.verdict != "warn":
        return check
    return ok(check.name, f"{check.finding} (only lips need it: {check.fix})")


def _opencv() -> Check:
    from ..video.opencv import cv2

    registry = cv2.videoio_registry
    backends = [registry.getBackendName(backend) for backend in registry.getCameraBackends()]
    return ok("OpenCV", f"{cv2.__version__}, cameras through {', '.join(backends) or 'nothing'}")


def _mediapipe() -> Check:
    try:
        return ok("MediaPipe", version("mediapipe"))
    except PackageNotFoundError:
        return warn("MediaPipe", "not installed, so lips are not found", install_line("video"))


def _face_model(path: Path | None) -> Check:
    from ..video.lips.face_model import FACE_MODEL_SHA256, local_face_model

    name = "face model"
    try:
        found = local_face_model(path)
    except InputError as error:
        return of_error(name, error)
    if found is None:
        fix = "it is downloaded (4 MB) when video is first used, or give it with --face-model"
        return warn(name, "not on this machine", fix)
    digest = fingerprint(found)
    if not FACE_MODEL_SHA256.startswith(digest):
        return warn(
            name, f"{found} is another version ({digest})", "leave --face-model away to use the known one"
        )
    return ok(name, f"{found} ({digest})")


def _camera(text: str) -> Check:
    from ..video.camera.capture import open_camera
    from ..video.camera.names import camera_name, parse_camera

    camera = parse_camera(text)
    name = camera_name(camera)
    capture = open_camera(camera, MonotonicClock())
    try:
        if capture.grab() is None:
            return problem("camera", f"{name} gives no video frames", "does another program hold it?")
        frames = 0
        start_s = now_s = time.perf_counter()
        while now_s - start_s < MEASURE_S:
            if capture.grab() is None:
                return problem("camera", f"{name} stopped after {frames + 1} frames", "check its cable")
            frames += 1
            now_s = time.perf_counter()
        rgb = capture.retrieve()
    finally:
        capture.close()
    fps = frames / (now_s - start_s)
    size = f"{rgb.shape[1]}x{rgb.shape[0]}" if rgb is not None else "damaged"
    finding = f"{name}: {size}, {fps:.1f} frames a second"
    if fps < GOOD_FPS:
        return warn("camera", finding, "more light, or a better connection: lips need 20 a second or more")
    return ok("camera", finding)

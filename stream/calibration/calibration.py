"""Watching a speaker and listening to them, to find out how late the camera is."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...core.arrays import Float32
from ...errors import InputError
from ..audio_files import open_audio
from ..devices.endpoints import AudioSource
from ..dsp.clock import Clock, MonotonicClock
from ..lag.av_lag import offset_of
from ..lag.estimator import OffsetEstimate
from ..runtimes import load_runtime
from ..video.camera.capture import open_camera
from ..video.camera.grabber import Grabber
from ..video.camera.names import Camera, camera_name
from ..video.camera.status import Backoff
from ..video.files import read_lips
from ..video.frames import LipFrame
from ..video.lips.lip_reader import LipReader

#: Takes seconds done and seconds in all.
Progress = Callable[[float, float], None]

_MAX_FPS = 25.0
#: The model whose cues are compared with the sound.
_MODEL = "lite"
#: A camera may take so long to give a video frame, at first and later.
_PATIENCE_S = 8.0


def calibrate_live(
    camera: Camera,
    source: AudioSource,
    seconds: float,
    progress: Progress,
    face_model: Path | None = None,
    clock: Clock | None = None,
) -> OffsetEstimate:
    """Measure a camera against a microphone while somebody speaks to both.

    Args:
        camera: index, URL or file.
        source: the microphone, not started; it is stopped in the end.
        seconds: how long to watch and listen.
        progress: told how far it is.
        face_model: path of ``face_landmarker.task``; None looks it up.
        clock: the one that stamps the blocks of `source`; None for the computer's.

    Raises:
        InputError: camera, microphone or face model is not there, or is lost on the way.
    """
    clock = clock or MonotonicClock()
    sound, seen = _Sound(source.info.rate), list[LipFrame]()
    with LipReader("landmarks", face_model) as reader:
        grabber = Grabber(lambda: open_camera(camera, clock), _MAX_FPS, Backoff(0.5, 2.0))
        grabber.start()
        try:
            _first_frame(grabber, camera)
            source.start(sound.deliver)
            start_s = frame_s = clock.now()
            while (now_s := clock.now()) < start_s + seconds:
                if not source.alive:
                    raise InputError(f"input {source.info.name} was lost: plug it in, and start again")
                if (frame := grabber.take(0.2)) is not None:
                    if isinstance(lips := reader.look(frame), LipFrame):
                        seen.append(lips)
                    frame_s = now_s
                elif now_s - frame_s > _PATIENCE_S:
                    raise _lost(grabber, camera)
                progress(now_s - start_s, seconds)
        finally:
            source.stop()
            grabber.close(0.5)
    times = [replace(lips, time_s=lips.time_s - sound.start_s) for lips in seen]
    return offset_of(times, [sound.samples], source.info.rate, load_runtime(_MODEL), seconds)


def calibrate_files(
    video: Path, audio: Path | None, progress: Progress, face_model: Path | None = None
) -> OffsetEstimate:
    """Measure a recording: how late its video is against its sound, by the clock of its file.

    Args:
        video: any video that FFmpeg reads.
        audio: its sound, which begins with the clock of the video; None: that of the video file itself.
        progress: told how far it is.
        face_model: path of ``face_landmarker.task``; None looks it up.

    Raises:
        InputError: a file cannot be read, or the face model cannot be had.
    """
    if not video.is_file():
        raise InputError(f"video {video} does not exist or is not a file")
    samples, rate = _sound_of_video(video) if audio is None else _sound_of(audio)
    seconds, seen = len(samples) / rate, list[LipFrame]()
    with closing(read_lips(video, face_model)) as frames:
        for frame in frames:
            if frame.time_s >= seconds:
                break
            seen.append(frame)
            progress(frame.time_s, seconds)
    return offset_of(seen, [samples], rate, load_runtime(_MODEL), max(seconds, 1.0))


class _Sound:
    """Keeps all blocks, and when the first sample was captured, as most blocks say."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._blocks: list[Float32] = []
        self._starts_s: list[float] = []
        self._count = 0

    def deliver(self, block: Float32, time_s: float) -> None:
        self._count += len(block)
        self._blocks.append(block.copy())
        self._starts_s.append(time_s - self._count / self._rate)

    @property
    def start_s(self) -> float:
        return float(np.median(self._starts_s)) if self._starts_s else 0.0

    @property
    def samples(self) -> Float32:
        return np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.float32)


def _first_frame(grabber: Grabber, camera: Camera) -> None:
    for _ in range(round(_PATIENCE_S / 0.2)):
        if grabber.take(0.2) is not None:
            return
    raise _lost(grabber, camera)


def _lost(grabber: Grabber, camera: Camera) -> InputError:
    problem = grabber.status().problem or f"camera {camera_name(camera)} gives no video frames"
    return InputError(f"{problem}" if ":" in problem else f"{problem}: plug it in, and start again")


def _sound_of(path: Path) -> tuple[Float32, int]:
    """All of the sound of a file, its channels mixed, from the start of the file's clock; and its rate."""
    with open_audio(path) as reader:
        blocks = [block.mean(axis=1) for block in reader.blocks(1 << 16)]
        rate = reader.layout.sample_rate
        late = round(reader.start_s * rate)
    sound = np.concatenate([np.zeros(max(0, late), np.float32), *blocks])
    return sound[max(0, -late) :], rate


def _sound_of_video(video: Path) -> tuple[Float32, int]:
    try:
        return _sound_of(video)
    except InputError as error:
        raise InputError(
            f"video {video} has no sound that can be read: give it with --audio FILE ({error})"
        ) from error

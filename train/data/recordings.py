"""Recordings as files: how long they are, their samples at 16 kHz, and what is kept of them in a cache."""

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from ...core.arrays import Float32
from ...core.storage import written_whole
from ...errors import InputError

SAMPLE_RATE = 16000
Int16 = npt.NDArray[np.int16]

#: Decoded files that stay mapped; each costs address space and no memory of its own.
_MOST_MAPPED = 4096


class Length(NamedTuple):
    """How long the sound of a file is, and its rate in Hz."""

    seconds: float
    sample_rate: int


@lru_cache(maxsize=_MOST_MAPPED)
def _mapped(file: Path) -> Int16:
    samples: Int16 = np.load(file, mmap_mode="r")
    return samples


@dataclass(frozen=True)
class Decoded:
    """A recording in the cache. Another process that is handed one maps the file for itself."""

    file: Path

    @property
    def samples(self) -> Int16:
        """All samples, int16 ``[N]`` at 16 kHz, mapped from the file."""
        return _mapped(self.file)


def measure(path: Path) -> Length:
    """Length and rate of the sound in an audio or video file, from its header.

    Raises:
        InputError: the file is missing, cannot be read or has no sound.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist or is not a file")
    try:
        header = soundfile.info(path)
    except soundfile.SoundFileError:
        return _measure_container(path)
    if not header.frames:
        raise InputError(f"{path} is empty")
    return Length(header.frames / header.samplerate, header.samplerate)


def measure_all(
    paths: Iterable[Path], progress: Callable[[float, float], None]
) -> dict[Path, Length | InputError]:
    """Length and rate of many files, each looked at once and several at a time; or why there is none."""

    def look(path: Path) -> Length | InputError:
        try:
            return measure(path)
        except InputError as error:
            return error

    found: dict[Path, Length | InputError] = {}
    unique = list(dict.fromkeys(paths))
    with ThreadPoolExecutor() as threads:
        for done, (path, length) in enumerate(zip(unique, threads.map(look, unique), strict=True), 1):
            found[path] = length
            progress(done, len(unique))
    return found


def _measure_container(path: Path) -> Length:
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio or container.duration is None:
                raise InputError(f"{path} has no sound, or none of known length")
            return Length(container.duration / av.time_base, container.streams.audio[0].rate)
    except av.FFmpegError as error:
        raise InputError(f"the sound of {path} cannot be read ({error.strerror})") from error


def read_sound(path: Path) -> Float32:
    """The sound of a video file, mono at 16 kHz, from the start of its own time.

    Raises:
        InputError: the file cannot be read or has no sound.
    """
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    try:
        with av.open(str(path)) as container:
            decoded = container.decode(audio=0) if container.streams.audio else ()
            frames = [out for frame in decoded for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    except av.FFmpegError as error:
        raise InputError(f"the sound of {path} cannot be read ({error.strerror})") from error
    if not frames:
        raise InputError(f"{path} has no sound: training with video needs speakers who are heard")
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)


def read_audio(path: Path) -> Float32:
    """The first channel of an audio file at 16 kHz: a mean of channels would be a comb filter.

    Raises:
        InputError: neither libsndfile nor FFmpeg can read the file.
    """
    import soxr

    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        try:
            return read_sound(path)
        except InputError:
            raise InputError(f"{path} cannot be read as audio ({error})") from error
    first = np.ascontiguousarray(samples[:, 0])
    return first if rate == SAMPLE_RATE else np.asarray(soxr.resample(first, rate, SAMPLE_RATE), np.float32)


def cached(recording: Path, cache: Path, suffix: str, extract: Callable[[Path, Path], None]) -> Path:
    """The file that ``extract(recording, file)`` writes, from ``cache`` unless the recording is new there.

    Its name tells the recording from others of its name, and from what it held before it was changed.

    Raises:
        InputError: the recording is missing.
    """
    if not recording.is_file():
        raise InputError(f"{recording} is listed for training but missing")
    stat = recording.stat()
    identity = f"{recording.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"
    file = cache / f"{recording.stem}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}{suffix}"
    if not file.exists():
        with written_whole(file) as partial:
            extract(recording, partial)
    return file


def decode(recording: Path, cache: Path) -> Decoded:
    """A recording as int16 at 16 kHz in the cache (115 MB an hour).

    Raises:
        InputError: the recording is missing or cannot be read.
    """

    def extract(source: Path, file: Path) -> None:
        np.save(file, np.clip(np.rint(read_audio(source) * 32768.0), -32768, 32767).astype(np.int16))

    return Decoded(cached(recording, cache, ".npy", extract))


def decode_response(recording: Path, cache: Path) -> Path:
    """An impulse response in the cache: float32 ``[N]``, from its direct sound on, at unit energy.

    Raises:
        InputError: the recording is missing, cannot be read or is silent.
    """

    def extract(source: Path, file: Path) -> None:
        response = read_audio(source)
        if not np.any(response):
            raise InputError(f"{source} is silent: it cannot be an impulse response")
        response = response[int(np.argmax(np.abs(response))) :]
        np.save(file, np.asarray(response / np.sqrt(np.sum(response**2)), dtype=np.float32))

    return cached(recording, cache, ".npy", extract)

"""Recording a session while it runs: what was heard, what was given, and the lips, all in step."""

import json
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from ...core.arrays import Float32
from ...errors import InputError
from ..video.frames import LipFrame
from .growing_file import GrowingFile, npy_header, wav_header
from .lips_video import LipsVideo
from .recording import CLEAN, LIPS, LIPS_VIDEO, NOISY, SESSION, RecordingInfo, lips_row

#: Seconds between two turns of writing: what a crash may cost.
TURN_S = 0.5
#: Seconds of audio that may wait for a slow disk before the recording gives up.
PATIENCE_S = 30.0
#: Seconds in which a disk writes the end of a recording, and those that a slow one is given beyond.
QUICK_S, SLOW_S = 1.0, 20.0


class Recorder:
    """Writes ``noisy.wav``, ``clean.wav``, ``lips.npy`` and, of crops, ``lips.mkv`` into a folder.

    The WAV files are mono float32 at the rate of the input device, and sample n of ``clean.wav`` is sample n
    of ``noisy.wav``, enhanced. All can be read at any moment, also after a crash. A thread of the recorder's
    own waits for the disk: `take`, for one thread, only hands over copies. Where nothing came to be recorded,
    as when a device does not open, the files go again, with the folder if it was made for them.

    Args:
        folder: made if need be; must not hold a recording yet.
        info: what is recorded.
        tell: told in one line that a slow disk is waited for, and, once, why the recording ended early.

    Raises:
        InputError: the folder cannot be written or holds a recording already.
    """

    def __init__(self, folder: Path, info: RecordingInfo, tell: Callable[[str], None]) -> None:
        self._folder = folder
        self._made = _make_place(folder, info)
        self._info = info
        self._tell = tell
        self._row = lips_row(info)
        self._noisy = GrowingFile(folder / NOISY, wav_header(info.sample_rate))
        self._clean = GrowingFile(folder / CLEAN, wav_header(info.sample_rate))
        self._lips = GrowingFile(folder / LIPS, npy_header(self._row))
        self._video = LipsVideo(folder / LIPS_VIDEO)
        self._sounds: deque[tuple[Float32, Float32]] = deque()
        self._frames: deque[tuple[int, LipFrame]] = deque()
        self._to_skip = info.latency_samples
        self._taken = 0
        self._written = 0
        self._active = True
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lipstream-recorder", daemon=True)
        self._thread.start()

    @property
    def active(self) -> bool:
        """Whether what comes is still being recorded."""
        return self._active

    @property
    def seconds(self) -> float:
        """Length of what is on the disk."""
        return self._written / self._info.sample_rate

    def take(self, noisy: Float32, clean: Float32, lips: LipFrame | None = None) -> None:
        """Take what an enhancer got and gave: an observer for `LivePipeline.on_enhanced`.

        Args:
            noisy: what went in, float32 ``[n]``.
            clean: what came out for it, float32 ``[n]``.
            lips: the frame, with landmarks or crop and embedding, that the enhancer got before ``noisy``.
        """
        if not self._active:
            return
        if lips is not None:
            self._frames.append((self._taken, lips))
        self._taken += len(noisy)
        self._sounds.append((noisy.copy(), clean[self._to_skip :].copy()))
        self._to_skip = max(0, self._to_skip - len(clean))
        if self._taken - self._written > PATIENCE_S * self._info.sample_rate:
            self._fail("the disk is too slow")

    def close(self, tail: Float32) -> None:
        """End the recording; idempotent. Back within a second, or within `SLOW_S` more from a slow disk.

        Args:
            tail: what the enhancer gave when it was flushed, which makes both WAV files equally long.
        """
        if not self._ending.is_set():
            self.take(tail[:0], tail)
            self._ending.set()
        self._thread.join(QUICK_S)
        if self._thread.is_alive():
            self._tell(f"the disk is slow: {self._waiting_s:.0f} s of the recording are still being written")
            self._thread.join(SLOW_S)
        if self._thread.is_alive() and self._active:
            self._fail(f"the disk is too slow, the last {self._waiting_s:.0f} s are lost")

    @property
    def _waiting_s(self) -> float:
        """Seconds of audio that are not on the disk yet."""
        return (self._taken - self._written) / self._info.sample_rate

    def _run(self) -> None:
        try:
            while not self._ending.wait(TURN_S):
                self._write()
            self._write()
        except OSError as error:
            self._fail(error.strerror or str(error))
        except Exception as error:  # OpenCV's, or that there is none: told as well, for nobody else would
            self._fail(f"{type(error).__name__}: {error}")
        finally:
            self._active = False
            self._video.close(self.seconds)
            for file in (self._noisy, self._clean, self._lips):
                with suppress(OSError):  # the disk is gone: told already
                    file.close()
            if not self._taken:
                _clear_place(self._folder, self._made)

    def _write(self) -> None:
        """Write all that waits, and bring the headers up to date."""
        sounds = [self._sounds.popleft() for _ in range(len(self._sounds))]
        frames = [self._frames.popleft() for _ in range(len(self._frames))]
        if sounds:
            noisy, clean = (np.concatenate(blocks) for blocks in zip(*sounds, strict=True))
            self._noisy.append(noisy)
            self._clean.append(clean)
            self._written += len(noisy)
        for sample, lips in frames:
            seen = lips.landmarks if self._info.lips == "landmarks" else lips.embedding
            self._lips.append(np.array((sample, lips.time_s, seen), self._row))
            if lips.crop is not None:
                self._video.add(lips.time_s, lips.crop)
        self._video.reach(self.seconds)
        for file in (self._noisy, self._clean, self._lips):
            file.update()

    def _fail(self, reason: str) -> None:
        self._active = False
        self._ending.set()
        self._tell(f"recording stopped at {self.seconds:.0f} s: {reason}; what was recorded is playable")


def _make_place(folder: Path, info: RecordingInfo) -> list[Path]:
    """Make the folder and describe in it the recording to come; InputError where there cannot be one.

    Returns:
        The folders that had to be made, the innermost first.
    """
    taken = [name for name in (NOISY, CLEAN, LIPS, LIPS_VIDEO, SESSION) if (folder / name).exists()]
    if taken:
        raise InputError(f"{folder} holds a recording already ({taken[0]}): name another folder")
    try:
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SESSION).write_text(json.dumps(vars(info), indent=1) + "\n")
    except OSError as error:
        raise InputError(f"cannot record to {folder} ({error.strerror}): name another folder") from error
    return made


def _clear_place(folder: Path, made: list[Path]) -> None:
    """Undo `_make_place` and the files of a recording without a sample; what else lies there stays."""
    with suppress(OSError):  # it may be gone, or hold something else by now
        for name in (NOISY, CLEAN, LIPS, SESSION):
            (folder / name).unlink(missing_ok=True)
        for path in made:
            path.rmdir()

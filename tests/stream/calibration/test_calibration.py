"""Calibration on real parts: camera and microphone on one clock, and recordings."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from lipstream.core.arrays import Float32
from lipstream.errors import InputError
from lipstream.stream.calibration import calibration
from lipstream.stream.calibration.calibration import calibrate_files, calibrate_live
from lipstream.stream.devices.endpoints import Deliver, EndpointInfo
from lipstream.stream.lag.av_lag import offset_of
from lipstream.stream.lag.estimator import OffsetEstimate
from lipstream.stream.runtimes.base import Runtime
from lipstream.stream.video.frames import LipFrame

EXAMPLE = Path(__file__).resolve().parents[3] / "demo" / "example.mp4"
RATE, BLOCK = 16_000, 160


class Microphone:
    """Delivers a tone in real time; dies after `lives_s`."""

    def __init__(self, lives_s: float = 60.0) -> None:
        self.info = EndpointInfo("microphone", RATE, BLOCK, 0.0, "computer")
        self.started = self.stopped = False
        self._lives_s = lives_s
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self, deliver: Deliver) -> None:
        self.started = True
        self.start_s = time.perf_counter()
        self._thread = threading.Thread(target=self._run, args=(deliver,))
        self._thread.start()

    def stop(self) -> None:
        self.stopped = True
        if self._thread is not None:
            self._thread.join()

    def _run(self, deliver: Deliver) -> None:
        for k in range(1, round(self._lives_s * RATE / BLOCK)):
            due_s = self.start_s + k * BLOCK / RATE
            time.sleep(max(0.0, due_s - time.perf_counter()))
            if self.stopped:
                return
            deliver(np.full(BLOCK, 0.1, np.float32), due_s)


def no_progress(done_s: float, total_s: float) -> None:
    assert 0 <= done_s <= total_s


def test_video_frames_and_sound_come_on_one_time_line(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[list[LipFrame], Float32]] = []

    def measure(
        frames: list[LipFrame], sound: list[Float32], rate: int, runtime: Runtime, memory_s: float
    ) -> OffsetEstimate:
        given.append((frames, sound[0]))
        return offset_of(frames, sound, rate, runtime, memory_s)

    monkeypatch.setattr(calibration, "offset_of", measure)
    microphone = Microphone()
    result = calibrate_live(EXAMPLE, microphone, 1.5, no_progress)
    assert not result.trusted
    assert microphone.stopped
    frames, samples = given[0]
    assert len(samples) >= RATE
    assert len(frames) >= 5
    assert -0.5 < frames[0].time_s < frames[-1].time_s < len(samples) / RATE + 0.5


def test_a_recording_is_measured_by_the_clock_of_its_file() -> None:
    estimate = calibrate_files(EXAMPLE, EXAMPLE.with_suffix(".clean.flac"), no_progress)
    assert estimate.trusted
    assert estimate.offset_s == pytest.approx(0.0, abs=0.05)


def test_without_a_camera_the_microphone_is_never_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "_PATIENCE_S", 1.0)
    microphone = Microphone()
    with pytest.raises(InputError, match="does not open"):
        calibrate_live("http://127.0.0.1:9/camera.mjpg", microphone, 30.0, no_progress)
    assert not microphone.started


def test_a_microphone_that_is_lost_ends_it() -> None:
    microphone = Microphone(lives_s=0.3)
    with pytest.raises(InputError, match="microphone was lost: plug it in"):
        calibrate_live(EXAMPLE, microphone, 30.0, no_progress)
    assert microphone.stopped

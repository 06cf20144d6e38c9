"""Recordings: aligned, always readable, enhanced again to the same samples; a full disk only ends them."""

import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream import InputError
from lipstream.core.arrays import Float32, UInt8
from lipstream.stream.enhancer import Enhancer
from lipstream.stream.recording import recorder as module
from lipstream.stream.recording.growing_file import GrowingFile
from lipstream.stream.recording.lips_video import LipsVideo
from lipstream.stream.recording.recorder import Recorder
from lipstream.stream.recording.recording import RecordingInfo, lips_row, replay
from lipstream.stream.runtimes.base import Runtime
from lipstream.stream.video.frames import LipFrame
from lipstream.tests.stream.faces import face
from lipstream.tests.stream.waiting import until

RATE = 48_000
BLOCK = 600
Make = Callable[..., Runtime]


def info_of(enhancer: Enhancer) -> RecordingInfo:
    size = 10 if enhancer.lips == "landmarks" else 512
    return RecordingInfo(RATE, "lite", "onnx", 100.0, enhancer.latency_samples, size, enhancer.lips)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def sound() -> Float32:
    return np.random.default_rng(3).uniform(-0.5, 0.5, 100 * BLOCK).astype(np.float32)


def record(folder: Path, enhancer: Enhancer, sound: Float32, told: list[str]) -> Recorder:
    """A session in which a frame of lips comes with every third block, as old as it is late."""
    recorder = Recorder(folder, info_of(enhancer), told.append)
    random = np.random.default_rng(0)
    for index, start in enumerate(range(0, len(sound), BLOCK)):
        lips = None
        if index % 3 == 2 and enhancer.lips == "landmarks":
            lips = LipFrame(index, start / RATE - 0.07, landmarks=face(5.0 * index))
        elif index % 3 == 2:
            crop = np.full((96, 96, 3), index, np.uint8)
            embedding = random.standard_normal(512).astype(np.float32)
            lips = LipFrame(index, start / RATE - 0.07, crop, embedding)
        block = sound[start : start + BLOCK]
        recorder.take(block, enhancer.process(block, [lips] if lips else None), lips)
    return recorder


def test_noisy_and_clean_are_aligned_and_equally_long(
    tmp_path: Path, pass_through: Make, sound: Float32, told: list[str]
) -> None:
    enhancer = Enhancer(sample_rate=RATE, runtime=pass_through())
    record(tmp_path, enhancer, sound, told).close(enhancer.flush())
    noisy, rate = soundfile.read(tmp_path / "noisy.wav", dtype="float32")
    clean, _ = soundfile.read(tmp_path / "clean.wav", dtype="float32")
    assert rate == RATE
    np.testing.assert_array_equal(noisy, sound)
    assert len(clean) == len(sound)
    np.testing.assert_allclose(clean[2_000:-2_000], sound[2_000:-2_000], atol=2e-3)
    assert told == []


def test_a_replay_gives_the_recorded_samples_bit_for_bit(
    tmp_path: Path, shipped_weights: Path, sound: Float32, told: list[str]
) -> None:
    enhancer = Enhancer("lite", RATE, "onnx")
    record(tmp_path, enhancer, sound, told).close(enhancer.flush())
    clean, _ = soundfile.read(tmp_path / "clean.wav", dtype="float32")
    assert enhancer.mean_alpha > 0
    np.testing.assert_array_equal(replay(tmp_path), clean)


def test_landmarks_are_recorded_as_the_model_got_them(
    tmp_path: Path, pass_through: Make, sound: Float32, told: list[str]
) -> None:
    enhancer = Enhancer(sample_rate=RATE, runtime=pass_through(lips="landmarks"))
    record(tmp_path, enhancer, sound, told).close(enhancer.flush())
    rows = np.load(tmp_path / "lips.npy")
    assert rows.dtype == lips_row(RecordingInfo.of(tmp_path))
    np.testing.assert_array_equal(rows["landmarks"][:, 0, 0], 5.0 * np.arange(2, 100, 3))
    assert not (tmp_path / "lips.mkv").exists()
    again = pass_through(lips="landmarks")
    clean, _ = soundfile.read(tmp_path / "clean.wav", dtype="float32")
    np.testing.assert_array_equal(replay(tmp_path, Enhancer(sample_rate=RATE, runtime=again)), clean)
    assert max(again.embeddings) > 0  # type: ignore[attr-defined]


def test_a_recording_of_crops_names_the_fix_where_the_model_sees_landmarks(
    tmp_path: Path, pass_through: Make, sound: Float32, told: list[str]
) -> None:
    enhancer = Enhancer(sample_rate=RATE, runtime=pass_through())
    record(tmp_path, enhancer, sound, told).close(enhancer.flush())
    described = json.loads((tmp_path / "session.json").read_text())
    del described["lips"]  # as recordings were before there were landmarks
    (tmp_path / "session.json").write_text(json.dumps(described))
    assert RecordingInfo.of(tmp_path).lips == "crops"
    newer = Enhancer(sample_rate=RATE, runtime=pass_through(lips="landmarks"))
    with pytest.raises(InputError, match="holds lips as crops and the model now sees landmarks: clean"):
        replay(tmp_path, newer)


def test_a_replay_without_lips_is_audio_only(
    tmp_path: Path, pass_through: Make, sound: Float32, told: list[str]
) -> None:
    enhancer = Enhancer(sample_rate=RATE, runtime=pass_through())
    recorder = Recorder(tmp_path, info_of(enhancer), told.append)
    recorder.take(sound, enhancer.process(sound))
    recorder.close(enhancer.flush())
    clean, _ = soundfile.read(tmp_path / "clean.wav", dtype="float32")
    np.testing.assert_array_equal(replay(tmp_path, Enhancer(sample_rate=RATE, runtime=pass_through())), clean)
    assert not (tmp_path / "lips.mkv").exists()


def test_the_lips_are_a_video_in_step_with_the_sound(
    tmp_path: Path, pass_through: Make, sound: Float32, told: list[str]
) -> None:
    cv2 = pytest.importorskip("cv2")
    enhancer = Enhancer(sample_rate=RATE, runtime=pass_through())
    record(tmp_path, enhancer, sound, told).close(enhancer.flush())
    rows = np.load(tmp_path / "lips.npy")
    assert rows.dtype == lips_row(info_of(enhancer))
    assert rows["sample"].tolist() == list(range(2 * BLOCK, 100 * BLOCK, 3 * BLOCK))
    capture = cv2.VideoCapture(str(tmp_path / "lips.mkv"))
    shown = []
    while (grabbed := capture.read())[0]:
        shown.append(int(grabbed[1][48, 48, 0]))
    # Frame k stands at k / 25 s and shows the block index of the newest row captured by then.
    newest = np.searchsorted(rows["time_s"], np.arange(len(shown)) / 25, side="right")
    assert shown == [0 if count == 0 else 3 * count - 1 for count in newest]
    assert len(shown) == pytest.approx(25 * len(sound) / RATE, abs=1)


def test_files_are_readable_while_the_session_runs(
    tmp_path: Path, pass_through: Make, sound: Float32, told: list[str]
) -> None:
    enhancer = Enhancer(sample_rate=RATE, runtime=pass_through())
    recorder = record(tmp_path, enhancer, sound, told)
    assert until(lambda: soundfile.info(tmp_path / "noisy.wav").frames == len(sound))
    assert until(lambda: soundfile.info(tmp_path / "clean.wav").frames > 0)
    assert recorder.active
    assert recorder.seconds == pytest.approx(len(sound) / RATE)
    recorder.close(enhancer.flush())
    assert not recorder.active


def test_a_full_disk_ends_the_recording_with_one_message(
    tmp_path: Path,
    pass_through: Make,
    sound: Float32,
    told: list[str],
    small_disk: Callable[[int], AbstractContextManager[None]],
) -> None:
    enhancer = Enhancer(sample_rate=RATE, runtime=pass_through())
    with small_disk(50_000):
        recorder = record(tmp_path, enhancer, sound, told)
        assert until(lambda: not recorder.active)
        recorder.take(sound, sound)  # the session goes on and notices nothing
        recorder.close(enhancer.flush())
    assert len(told) == 1
    assert "recording stopped" in told[0]
    noisy, _ = soundfile.read(tmp_path / "noisy.wav", dtype="float32")
    assert len(noisy) > 10_000
    np.testing.assert_array_equal(noisy, sound[: len(noisy)])
    assert soundfile.info(tmp_path / "clean.wav").samplerate == RATE


def test_lips_that_cannot_be_written_end_the_recording_with_one_message(
    tmp_path: Path, pass_through: Make, sound: Float32, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(self: LipsVideo, time_s: float, crop: UInt8) -> None:
        raise ModuleNotFoundError("No module named 'cv2'")

    monkeypatch.setattr(LipsVideo, "add", missing)
    enhancer = Enhancer(sample_rate=RATE, runtime=pass_through())
    recorder = record(tmp_path, enhancer, sound, told)
    assert until(lambda: not recorder.active)
    recorder.close(enhancer.flush())
    assert len(told) == 1
    assert "recording stopped" in told[0]
    assert "No module named 'cv2'" in told[0]
    assert soundfile.info(tmp_path / "noisy.wav").frames > 0


class SlowDisk:
    """Takes nothing until it is woken."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.awake = threading.Event()
        append = GrowingFile.append

        def slowly(file: GrowingFile, data: Float32) -> None:
            assert self.awake.wait(60.0)
            append(file, data)

        monkeypatch.setattr(GrowingFile, "append", slowly)
        monkeypatch.setattr(module, "QUICK_S", 0.01)


def test_a_slow_disk_is_waited_for_at_the_end_and_told(
    tmp_path: Path, pass_through: Make, sound: Float32, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, told = SlowDisk(monkeypatch), []

    def tell(line: str) -> None:
        told.append(line)
        disk.awake.set()

    enhancer = Enhancer(sample_rate=RATE, runtime=pass_through())
    recorder = Recorder(tmp_path, info_of(enhancer), tell)
    recorder.take(sound, enhancer.process(sound))
    recorder.close(enhancer.flush())
    assert told == ["the disk is slow: 1 s of the recording are still being written"]
    for name in ("noisy.wav", "clean.wav"):
        assert soundfile.info(tmp_path / name).frames == len(sound)


def test_what_a_disk_too_slow_loses_at_the_end_is_told(
    tmp_path: Path, pass_through: Make, sound: Float32, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SlowDisk(monkeypatch)
    monkeypatch.setattr(module, "SLOW_S", 0.01)
    enhancer = Enhancer(sample_rate=RATE, runtime=pass_through())
    recorder = record(tmp_path, enhancer, sound, told)
    recorder.close(enhancer.flush())
    assert "recording stopped at 0 s: the disk is too slow, the last 1 s are lost" in told[1]
    assert not recorder.active
    disk.awake.set()


def test_a_recording_is_never_overwritten(
    tmp_path: Path, pass_through: Make, sound: Float32, told: list[str]
) -> None:
    enhancer = Enhancer(sample_rate=RATE, runtime=pass_through())
    record(tmp_path / "take", enhancer, sound, told).close(enhancer.flush())
    before = (tmp_path / "take" / "noisy.wav").read_bytes()
    with pytest.raises(InputError, match="holds a recording already"):
        Recorder(tmp_path / "take", info_of(enhancer), told.append)
    assert (tmp_path / "take" / "noisy.wav").read_bytes() == before


def test_a_place_that_cannot_be_is_told(tmp_path: Path, pass_through: Make, told: list[str]) -> None:
    (tmp_path / "file").touch()
    enhancer = Enhancer(sample_rate=RATE, runtime=pass_through())
    with pytest.raises(InputError, match="name another folder"):
        Recorder(tmp_path / "file" / "take", info_of(enhancer), told.append)
    with pytest.raises(InputError, match="no recording"):
        replay(tmp_path)

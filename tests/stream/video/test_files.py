"""Lips out of video files of every kind, with the time stamps that the file gives."""

import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from lipstream.errors import InputError
from lipstream.stream.audio_files import open_audio
from lipstream.stream.video.files import read_frames, read_lips
from lipstream.stream.video.frames import LipFrame
from lipstream.stream.video.lips.lip_reader import LipReader

Picture = npt.NDArray[np.uint8]
FPS = 25


def write(path: Path, codec: str, frames: list[Picture]) -> Path:
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), FPS, (width, height))
    for frame in frames:
        writer.write(np.ascontiguousarray(frame))
    writer.release()
    return path


def ffmpeg(*arguments: str | Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("the program ffmpeg is not installed")
    subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments], check=True)


def times(frames: list[LipFrame]) -> list[float]:
    return [frame.time_s for frame in frames]


def read_crops(path: Path, face_model: str | None = None) -> Generator[LipFrame, None, None]:
    return read_lips(path, face_model, "crops")


def mean_difference(a: list[LipFrame], b: list[LipFrame]) -> float:
    differences = []
    for one, other in zip(a, b, strict=True):
        assert one.crop is not None
        assert other.crop is not None
        differences.append(np.abs(one.crop.astype(float) - other.crop).mean())
    return float(np.mean(differences))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, example_frames: list[Picture]) -> Path:
    return write(tmp_path_factory.mktemp("clip") / "clip.mp4", "mp4v", example_frames)


@pytest.fixture(scope="module")
def lips(clip: Path) -> list[LipFrame]:
    return list(read_crops(clip))


def test_every_frame_has_its_time_and_its_lips(lips: list[LipFrame], example_frames: list[Picture]) -> None:
    np.testing.assert_allclose(times(lips), np.arange(len(example_frames)) / FPS, atol=1e-6)
    for frame in lips:
        assert frame.crop is not None
        assert frame.crop.shape == (96, 96, 3)
        assert frame.crop.dtype == np.uint8


def test_crops_are_rgb(lips: list[LipFrame]) -> None:
    assert lips[0].crop is not None
    red, _, blue = lips[0].crop[40:56, 40:56].reshape(-1, 3).mean(axis=0)
    assert red > 1.3 * blue


@pytest.mark.parametrize(
    ("container", "codec"),
    [("avi", "MJPG"), ("mkv", "mp4v"), ("webm", "VP80"), ("mpg", "PIM1"), ("ts", "mp4v")],
)
def test_containers_give_the_same_times_and_lips(
    container: str, codec: str, lips: list[LipFrame], tmp_path: Path, example_frames: list[Picture]
) -> None:
    frames = list(read_crops(write(tmp_path / f"clip.{container}", codec, example_frames)))
    np.testing.assert_allclose(times(frames), times(lips), atol=2e-3)
    assert mean_difference(frames, lips) < 8


@pytest.mark.parametrize("container", ["mkv", "mp4"])
def test_a_varying_frame_rate_keeps_its_time_stamps(container: str, clip: Path, tmp_path: Path) -> None:
    path = tmp_path / f"slower.{container}"
    half_speed_from_frame_10 = "setpts='if(lt(N,10),N,2*N-10)/25/TB'"
    ffmpeg("-i", clip, "-vf", half_speed_from_frame_10, "-vsync", "vfr", path)
    expected = [(k if k < 10 else 2 * k - 10) / FPS for k in range(24)]
    np.testing.assert_allclose(times(list(read_crops(path))), expected, atol=2e-3)


@pytest.mark.parametrize("container", ["mkv", "mp4"])
def test_a_camera_that_starts_after_the_microphone_stays_late(
    container: str, clip: Path, example_video: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"late.{container}"
    sound = example_video.with_suffix(".flac")
    ffmpeg("-itsoffset", "0.4", "-i", clip, "-i", sound, "-map", "0:v", "-map", "1:a", "-c:v", "copy", path)
    assert next(read_crops(path)).time_s == pytest.approx(0.4, abs=0.5 / FPS)


def test_the_clock_of_a_program_stream_starts_anywhere(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.mpg"
    ffmpeg("-i", clip, "-c:v", "mpeg2video", path)
    frames = list(read_crops(path))
    assert len(frames) == 24
    np.testing.assert_allclose(times(frames), np.arange(24) / FPS, atol=2e-3)


def test_a_phone_video_held_upright_is_turned(
    lips: list[LipFrame], tmp_path: Path, example_frames: list[Picture]
) -> None:
    lying = [np.rot90(frame) for frame in example_frames]
    path = write(tmp_path / "phone.mp4", "mp4v", lying)
    turn_clockwise = np.array([0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000], dtype=">i4").tobytes()
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44  # in the track header, ISO/IEC 14496-12, section 8.3.2
    content[matrix : matrix + 36] = turn_clockwise
    path.write_bytes(content)
    assert mean_difference(list(read_crops(path)), lips) < 8


def test_frames_without_a_face_have_no_crop(tmp_path: Path) -> None:
    snow = np.random.default_rng(0).integers(0, 255, (8, 120, 160, 3), dtype=np.uint8)
    frames = list(read_crops(write(tmp_path / "snow.avi", "MJPG", list(snow))))
    assert [frame.crop for frame in frames] == [None] * 8
    np.testing.assert_allclose(times(frames), np.arange(8) / FPS, atol=1e-6)


def test_a_face_that_goes_and_comes_back(tmp_path: Path, example_frames: list[Picture]) -> None:
    wall = [np.full_like(example_frames[0], 90)] * 8
    path = write(tmp_path / "gone.avi", "MJPG", example_frames[:8] + wall + example_frames[:8])
    found = [frame.crop is not None for frame in read_crops(path)]
    assert found == [True] * 8 + [False] * 8 + [True] * 8


def test_a_missing_video_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.mp4 does not exist"):
        read_crops(tmp_path / "nowhere.mp4")
    with pytest.raises(InputError, match="not a file"):
        read_crops(tmp_path)


@pytest.mark.parametrize("content", [b"", b"only text\n" * 50, b"\x00\x00\x00\x18ftypmp42" + bytes(400)])
def test_what_is_no_video_is_refused_at_once_and_quietly(
    content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "fake.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"fake\.mp4 cannot be read"):
        read_crops(path)
    assert capfd.readouterr().err == ""


def test_a_file_with_sound_only_is_refused(example_video: Path) -> None:
    with pytest.raises(InputError, match="no video in it"):
        read_crops(example_video.with_suffix(".flac"))


def test_a_face_model_that_does_not_exist_is_named(clip: Path) -> None:
    with pytest.raises(InputError, match=r"--face-model"):
        read_crops(clip, face_model="nowhere.task")


def test_landmarks_are_those_of_the_reader_frame_by_frame(clip: Path, lips: list[LipFrame]) -> None:
    frames = list(read_lips(clip))
    assert times(frames) == times(lips)
    with LipReader() as reader:
        for frame, picture in zip(frames, read_frames(clip), strict=True):
            seen = reader.look(picture)
            assert isinstance(seen, LipFrame)
            assert (frame.sequence, frame.crop) == (seen.sequence, None)
            np.testing.assert_array_equal(frame.landmarks, seen.landmarks)


def test_avi_with_frames_out_of_order_begins_at_its_start(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.avi"
    ffmpeg("-i", clip, "-c:v", "mpeg4", "-bf", "2", path)
    frames = list(read_frames(path))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(24) / FPS, atol=1e-6)


@pytest.mark.parametrize("container", ["ts", "mts", "mpg", "mkv", "mp4", "mov"])
def test_a_late_camera_stays_late_in_every_container(
    container: str, clip: Path, example_video: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"late.{container}"
    sound = example_video.with_suffix(".flac")
    streams: list[str | Path] = ["-itsoffset", "1.52", "-i", clip, "-i", sound, "-map", "0:v", "-map", "1:a"]
    codec = "mp2" if container in ("ts", "mts", "mpg") else "aac"
    ffmpeg(*streams, "-c:v", "mpeg2video", "-vsync", "vfr", "-ar", "48000", "-c:a", codec, path)
    with open_audio(path) as reader:
        next(reader.blocks(1_000))
        origin_s = reader.start_s
    # Where a container has no place for it, the encoder's delay (MP2 10 ms, AAC 21) is part of the sound.
    assert 1.519 <= next(read_frames(path, origin_s)).time_s <= 1.545


def test_the_sound_of_the_same_file_is_time_0(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    ffmpeg("-i", clip, "-c:v", "copy", path)
    frames = read_frames(path, origin_s=0.25)
    assert [round(next(frames).time_s, 3) for _ in range(3)] == [-0.25, -0.21, -0.17]


def test_a_damaged_frame_is_left_out(tmp_path: Path, example_frames: list[Picture]) -> None:
    path = write(tmp_path / "clip.avi", "MJPG", example_frames)
    content = bytearray(path.read_bytes())
    middle = content.index(b"\xff\xd8", len(content) // 2)
    content[middle : middle + 2_000] = bytes(2_000)
    path.write_bytes(content)
    frames = list(read_frames(path))
    assert 20 <= len(frames) <= 24
    assert [frame.time_s for frame in frames] == sorted({frame.time_s for frame in frames})

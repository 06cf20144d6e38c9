"""Talking-face clips: lips and sound out of video files, kept in a cache until the file changes."""

import dataclasses
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from scipy.signal import correlate

from lipstream.errors import InputError
from lipstream.train.data.manifest import Item, Manifest
from lipstream.train.data.recordings import SAMPLE_RATE
from lipstream.train.data.video_corpus import FaceClip, read_face_clips

DEMO = Path(__file__).resolve().parents[3] / "demo"
FRAMES = 30
SAMPLES = FRAMES * SAMPLE_RATE // 25


def write_clip(path: Path) -> None:
    """The start of the example's video, as it is, with the example's sound as AAC."""
    samples, _ = soundfile.read(DEMO / "example.flac", dtype="float32", frames=SAMPLES)
    sound = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    sound.rate, sound.pts, sound.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
    with av.open(str(DEMO / "example.mp4")) as source, av.open(str(path), "w") as target:
        pictures = target.add_stream_from_template(source.streams.video[0])
        voice = target.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for packet, _ in zip(source.demux(video=0), range(FRAMES), strict=False):
            packet.stream = pictures
            target.mux(packet)
        target.mux([*voice.encode(sound), *voice.encode(None)])


def read(folder: Path) -> FaceClip:
    """The one face of a folder."""
    library = (Manifest("faces", folder, (Item("face", "train/a.mp4", "demo", "s1", "valid"),)),)
    (face,) = read_face_clips(library, folder / "cache")
    return face.load()


@pytest.fixture(scope="module")
def read_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FaceClip]:
    folder = tmp_path_factory.mktemp("faces")
    (folder / "train").mkdir()
    write_clip(folder / "train" / "a.mp4")
    return folder, read(folder)


@pytest.fixture
def clip(read_once: tuple[Path, FaceClip]) -> FaceClip:
    """The clip as it was read first."""
    return read_once[1]


@pytest.fixture
def folder(read_once: tuple[Path, FaceClip], tmp_path: Path) -> Path:
    """A data folder of one clip without a cache. Tests may damage it."""
    (tmp_path / "train").mkdir()
    for path in (read_once[0] / "train").iterdir():
        (tmp_path / "train" / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_each_video_frame_has_its_time_and_its_lips(clip: FaceClip) -> None:
    assert (clip.speaker, clip.split) == ("s1", "valid")
    assert clip.crops.shape == (FRAMES, 96, 96, 3)
    assert clip.crops.dtype == np.uint8
    assert clip.found.dtype == np.bool_
    assert clip.found.all()
    assert all(crop.std() > 5 for crop in clip.crops)
    assert (np.diff(clip.times_s) > 0).all()
    np.testing.assert_allclose(clip.times_s, np.arange(FRAMES) / 25, atol=1e-6)


def test_the_sound_is_that_of_the_recording_and_in_step_with_it(clip: FaceClip) -> None:
    source, _ = soundfile.read(DEMO / "example.flac", dtype="float32", frames=SAMPLES)
    assert clip.sound.dtype == np.float32
    assert SAMPLES <= clip.sound.size < SAMPLES + 1024  # AAC fills up its last frame
    assert np.argmax(correlate(clip.sound, source)) == SAMPLES - 1  # no lag: the codec's priming is cut off
    assert np.corrcoef(clip.sound[:SAMPLES], source)[0, 1] > 0.9


def test_the_second_reading_takes_what_the_first_has_kept(
    read_once: tuple[Path, FaceClip], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, first = read_once
    monkeypatch.setattr(av, "open", None)
    second = read(folder)
    for field in dataclasses.fields(FaceClip):
        np.testing.assert_array_equal(getattr(second, field.name), getattr(first, field.name))
    assert len(list((folder / "cache").iterdir())) == 1


def test_a_clip_that_has_changed_is_read_anew(folder: Path) -> None:
    read(folder)
    (folder / "train" / "a.mp4").write_bytes(b"another film")
    with pytest.raises(InputError, match=r"a.mp4 cannot be read"):
        read(folder)


def test_damaged_video_frames_at_the_start_are_blank_and_marked(folder: Path) -> None:
    path = folder / "train" / "a.mp4"
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0)][:4]
    for start, size in places:
        assert start is not None
        content[start + 200 : start + size] = bytes(size - 200)
    path.write_bytes(content)
    clip = read(folder)
    assert not clip.found[0]
    assert clip.found[12:].all()  # from the next video frame on that stands for itself
    assert not clip.crops[~clip.found].any()
    np.testing.assert_allclose(clip.times_s, np.arange(FRAMES) / 25, atol=1e-6)


def _drop(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "train" / name).unlink()


def _write(name: str, content: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "train" / name).write_bytes(content)

    return write


def _cut_in_half(folder: Path) -> None:
    path = folder / "train" / "a.mp4"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _sound_without_video(folder: Path) -> None:
    with (folder / "train" / "a.mp4").open("wb") as file:
        soundfile.write(file, np.zeros(1600), SAMPLE_RATE, format="WAV")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_drop("a.mp4"), r"a.mp4 is listed for training but missing"),
        (_write("a.mp4", b""), r"the sound of .*a.mp4 cannot be read"),
        (_write("a.mp4", b"no film"), r"the sound of .*a.mp4 cannot be read"),
        (_cut_in_half, r"the sound of .*a.mp4 cannot be read"),
        (_write("a.mp4", (DEMO / "example.mp4").read_bytes()), r"a.mp4 has no sound"),
        (_sound_without_video, r"a.mp4 cannot be read: no video in it"),
    ],
)
def test_what_is_missing_or_damaged_is_told_and_leaves_nothing_behind(
    folder: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(folder)
    with pytest.raises(InputError, match=message):
        read(folder)
    assert not list(folder.glob("cache/*"))


def test_a_library_without_faces_is_told(tmp_path: Path) -> None:
    library = (Manifest("noise", tmp_path, (Item("noise", "a.wav", "fan"),)),)
    with pytest.raises(
        InputError, match=r"no manifest has rows of the kind face, or train/av.csv is missing"
    ):
        read_face_clips(library, tmp_path)

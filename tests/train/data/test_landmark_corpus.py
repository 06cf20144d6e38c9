"""Talking-face clips as landmarks: found as the enhancer finds them, kept in a cache, capped by speaker."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from lipstream.core.arrays import Float32
from lipstream.errors import InputError
from lipstream.models.lips.points import POINTS
from lipstream.stream.video.lips.crop import LEFT_EYE, NOSE_TIP, RIGHT_EYE
from lipstream.stream.video.lips.landmarks import FaceLandmarks
from lipstream.train.data import landmark_corpus
from lipstream.train.data.landmark_corpus import read_landmark_clips, read_landmarks
from lipstream.train.data.manifest import Item, Manifest

DEMO = Path(__file__).resolve().parents[3] / "demo"
FRAMES, RATE = 12, 16000


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The start of the example's video, as it is, with the example's sound as AAC."""
    path = tmp_path_factory.mktemp("faces") / "a.mp4"
    samples, _ = soundfile.read(DEMO / "example.flac", dtype="float32", frames=FRAMES * RATE // 25)
    sound = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    sound.rate, sound.pts, sound.time_base = RATE, 0, Fraction(1, RATE)
    with av.open(str(DEMO / "example.mp4")) as source, av.open(str(path), "w") as target:
        video = target.add_stream_from_template(source.streams.video[0])
        voice = target.add_stream("aac", rate=RATE, layout="mono")
        for packet, _ in zip(source.demux(video=0), range(FRAMES), strict=False):
            packet.stream = video
            target.mux(packet)
        target.mux([*voice.encode(sound), *voice.encode(None)])
    return path


def first_frame(film: Path) -> np.ndarray:
    with av.open(str(film)) as source:
        return next(source.decode(video=0)).to_ndarray(format="rgb24")


def test_landmarks_are_those_that_the_enhancer_finds(film: Path) -> None:
    times_s, landmarks = read_landmarks(film)
    assert landmarks.shape == (FRAMES, len(POINTS), 3)
    np.testing.assert_allclose(np.diff(times_s), 0.04, atol=1e-3)
    with FaceLandmarks() as finder:
        expected = finder.detect(first_frame(film), 0.0)
    assert expected is not None
    for point in (LEFT_EYE, RIGHT_EYE, NOSE_TIP):  # two decoders may round colours differently
        np.testing.assert_allclose(landmarks[0, POINTS.index(point), :2], expected[point], atol=1.0)


def library_of(film: Path, count: int) -> tuple[Manifest, ...]:
    items = tuple(Item("face", film.name, "demo", speaker) for speaker in ["s1"] * count + ["s2"])
    return (Manifest("faces", film.parent, items),)


def test_clips_are_extracted_once(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (first, *_) = read_landmark_clips(library_of(film, 1), tmp_path)

    def fail(path: Path) -> Float32:
        raise AssertionError("the cache was not used")

    monkeypatch.setattr(landmark_corpus, "read_landmarks", fail)
    again = read_landmark_clips(library_of(film, 3), tmp_path, most=2)
    assert [clip.speaker for clip in again] == ["s1", "s1", "s2"]
    np.testing.assert_array_equal(again[0].landmarks, first.landmarks)
    assert len(first.sound) >= FRAMES * RATE // 25


def test_what_is_missing_is_told(film: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no faces to train with"):
        read_landmark_clips((Manifest("none", tmp_path, ()),), tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        read_landmarks(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("hello")
    with pytest.raises(InputError, match="cannot be read"):
        read_landmarks(tmp_path / "text.mp4")

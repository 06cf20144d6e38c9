"""The committed example clip is what its script makes, and the face landmarker reads its lips."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from lipstream.demo import make_example
from lipstream.demo.face import draw_face
from lipstream.stream.video.lips.landmarks import FaceLandmarks

FOLDER = Path(__file__).resolve().parents[2] / "demo"
INNER_TOP, INNER_BOTTOM, LEFT_EYE, RIGHT_EYE = 13, 14, 33, 263

Picture = npt.NDArray[np.uint8]
Samples = npt.NDArray[np.float64]


def read_sound(name: str) -> Samples:
    samples, rate = soundfile.read(FOLDER / name)
    assert rate == 16000
    return np.asarray(samples)


@pytest.fixture(scope="module")
def clean() -> Samples:
    return read_sound("example.clean.flac")


@pytest.fixture(scope="module")
def frames() -> list[Picture]:
    capture = cv2.VideoCapture(str(FOLDER / "example.mp4"), cv2.CAP_FFMPEG)
    assert capture.get(cv2.CAP_PROP_FPS) == 25
    read = []
    while (frame := capture.read())[0]:
        read.append(np.asarray(frame[1][..., ::-1], dtype=np.uint8))
    return read


@pytest.fixture(scope="module")
def opening(frames: list[Picture]) -> Samples:
    """Opening of the mouth in each frame in distances between the eyes; NaN where no face was found."""
    openings = []
    with FaceLandmarks() as landmarks:
        for k, frame in enumerate(frames):
            points = landmarks.detect(frame, k / 25)
            if points is None:
                openings.append(np.nan)
            else:
                gap = np.linalg.norm(points[INNER_TOP] - points[INNER_BOTTOM])
                openings.append(float(gap / np.linalg.norm(points[LEFT_EYE] - points[RIGHT_EYE])))
    return np.array(openings)


def test_clip_is_short_and_small(clean: Samples, frames: list[Picture]) -> None:
    assert 5 <= len(clean) / 16000 <= 8
    assert len(frames) / 25 == pytest.approx(len(clean) / 16000, abs=0.04)
    assert sum(path.stat().st_size for path in FOLDER.glob("example.*")) < 400_000


def test_noisy_sound_is_the_clean_one_and_the_fan(clean: Samples) -> None:
    noise = read_sound("example.flac") - clean
    silence = int(make_example.SILENCE_S * 16000)
    snr_db = 10 * np.log10(np.mean(clean[silence:-silence] ** 2) / np.mean(noise**2))
    assert snr_db == pytest.approx(make_example.SNR_DB, abs=0.1)
    fan = make_example.fan(len(clean), np.random.default_rng(2024))
    assert np.corrcoef(noise, fan)[0, 1] > 0.999


def test_video_is_what_the_script_draws(clean: Samples, frames: list[Picture]) -> None:
    (pose,) = islice(make_example.poses(clean), 60, 61)
    drawn = draw_face(pose, make_example.SIZE).astype(float)
    assert np.abs(drawn - frames[60]).mean() < 4


def test_face_is_found_in_nearly_every_frame(opening: Samples) -> None:
    assert np.isfinite(opening).mean() > 0.95


def test_mouth_moves_with_the_speech(clean: Samples, opening: Samples) -> None:
    found = np.isfinite(opening)
    around = np.pad(clean, (320, 640))[: 640 * len(opening)].reshape(-1, 640)
    level = np.sqrt(np.mean(around**2, axis=1))
    assert np.corrcoef(opening[found], level[found])[0, 1] > 0.5
    both = found[1:] & found[:-1]
    assert np.corrcoef(np.diff(opening)[both], np.diff(level)[both])[0, 1] > 0.3

"""What the judge's scenes make of real faces: a photograph stands still, the one who is heard is chosen."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lipstream.models.lite_avse import LiteAVSEMamba
from lipstream.models.store.checkpoint import load_model
from lipstream.train.cue.views import example_of
from lipstream.train.data.landmark_corpus import LandmarkClip, read_landmarks
from lipstream.train.data.recordings import read_audio
from lipstream.train.gate.judging import JudgedClip
from lipstream.train.gate.scenes import chosen_face, filmed_photograph, residual_ticks
from lipstream.train.gate.views import AUTO, as_counted

DEMO = Path(__file__).resolve().parents[3] / "demo"
WEIGHTS = Path(__file__).resolve().parents[3] / "models" / "weights" / "lite.safetensors"


@pytest.fixture(scope="module")
def example() -> LandmarkClip:
    """The clip that ships."""
    times_s, landmarks = read_landmarks(DEMO / "example.mp4")
    return LandmarkClip("drawn", landmarks, times_s, read_audio(DEMO / "example.clean.flac"))


def test_a_filmed_photograph_trembles_and_does_not_count_for_long(example: LandmarkClip) -> None:
    _, landmarks = filmed_photograph(DEMO / "example.mp4")
    assert landmarks.shape == example.landmarks.shape
    trembling = np.abs(np.diff(landmarks[10:], axis=0)).max()
    assert trembling > 0
    _, age_s = as_counted(landmarks, np.zeros(len(landmarks), np.float32))
    assert (age_s[75:] > 0.5).all(), "once the landmarker has settled"
    assert (age_s > 0.5).mean() > 0.6


def test_of_two_faces_the_one_that_is_heard_is_chosen(
    example: LandmarkClip, make_clip: Callable[..., LandmarkClip]
) -> None:
    own, other = example_of(example).landmarks, example_of(make_clip("other", 3, 6.0)).landmarks
    chosen = chosen_face(own, other, example.sound)
    there = own.any(axis=(1, 2))
    assert (chosen[there] == own[there]).all(axis=(1, 2)).mean() > 0.9


def test_an_offset_that_is_found_is_corrected(example: LandmarkClip) -> None:
    net = load_model("lite", WEIGHTS)
    assert isinstance(net, LiteAVSEMamba)
    landmarks = example_of(example).landmarks
    clip = JudgedClip("drawn", "strangers", "clean", example.sound, example.sound, landmarks, landmarks)
    left = residual_ticks(net, [clip])
    assert all(abs(ticks) <= 1 for ticks in left.values())
    short = clip._replace(noisy=clip.noisy[:32_000], landmarks=landmarks[:50])
    assert residual_ticks(net, [short]) == AUTO, "two seconds are too little"

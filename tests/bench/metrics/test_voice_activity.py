"""The detector tells speech from noise, and the area under its ROC is the chance that the score says."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream import InputError
from lipstream.bench.metrics import voice_activity
from lipstream.bench.metrics.voice_activity import area_under_roc, speech_probabilities

DEMO = Path(__file__).resolve().parents[3] / "demo"


@pytest.fixture
def detector() -> None:
    try:
        voice_activity._network_file()
    except InputError:
        pytest.skip("Silero's detector is not installed")


@pytest.mark.parametrize(
    ("speech", "other", "area"),
    [
        ([0.9, 0.8], [0.1, 0.2, 0.3], 1.0),
        ([0.1, 0.2], [0.8, 0.9], 0.0),
        ([0.5, 0.5], [0.5], 0.5),
        ([0.9, 0.3], [0.1, 0.5], 0.75),
        ([0.4], [0.4, 0.1], 0.75),
    ],
)
def test_the_area_is_the_chance_that_speech_scores_higher(
    speech: list[float], other: list[float], area: float
) -> None:
    is_speech = np.array([True] * len(speech) + [False] * len(other))
    order = np.random.default_rng(0).permutation(is_speech.size)
    assert area_under_roc(np.array(speech + other)[order], is_speech[order]) == area


def test_frames_of_one_kind_have_no_area() -> None:
    assert np.isnan(area_under_roc(np.ones(3), np.ones(3, bool)))


def test_speech_is_told_from_noise(detector: None) -> None:
    speech, _ = soundfile.read(DEMO / "example.clean.flac", frames=40_000)
    noise = 0.05 * np.random.default_rng(0).standard_normal(40_000)
    found = speech_probabilities(speech), speech_probabilities(noise)
    assert [part.shape for part in found] == [(78,), (78,)]
    assert found[0].max() > 0.9
    assert found[1].max() < 0.5


def test_a_missing_detector_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_activity, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install --no-deps silero-vad"):
        voice_activity._network_file()

"""All scores of a pair by name."""

import math
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest

from lipstream.bench.metrics import predictors
from lipstream.bench.metrics.intrusive import score
from lipstream.bench.metrics.scoring import DEFAULT_FAMILIES, FAMILIES, METRICS, check_families, score_all
from lipstream.errors import InputError

MakeSpeech = Callable[[float], np.ndarray]


@pytest.fixture
def pair(speech_like: MakeSpeech) -> tuple[np.ndarray, np.ndarray]:
    speech = speech_like(1.5)
    noise = np.random.default_rng(1).standard_normal(speech.size).astype(np.float32)
    return speech, speech + 0.01 * noise


def test_scores_come_by_name_in_the_order_of_reports(pair: tuple[np.ndarray, np.ndarray]):
    scores = score_all(*pair, ["si-sdr", "level", "composite", "stoi"])
    assert list(scores) == [name for name in METRICS if name in scores]
    assert {"csig", "cbak", "covl", "seg_snr_db", "llr", "wss", "stoi", "level_error_db"} < set(scores)


def test_the_core_scores_are_those_of_the_bench(pair: tuple[np.ndarray, np.ndarray]):
    scores = score_all(*pair, ["pesq", "stoi", "si-sdr"])
    for name, value in asdict(score(*pair)).items():
        assert scores[name] == pytest.approx(value), name


def test_silence_has_no_scores_and_is_no_error(pair: tuple[np.ndarray, np.ndarray]):
    scores = score_all(pair[0], np.zeros_like(pair[0]), DEFAULT_FAMILIES)
    assert all(math.isnan(value) for value in scores.values())


def test_a_pair_of_different_lengths_is_refused_whatever_is_scored(pair: tuple[np.ndarray, np.ndarray]):
    with pytest.raises(InputError, match="align"):
        score_all(pair[0], pair[1][:-1], ["dnsmos"])


def test_every_default_family_is_known():
    assert set(DEFAULT_FAMILIES) <= set(FAMILIES)
    check_families(DEFAULT_FAMILIES)


def test_an_unknown_family_is_told_with_the_known_ones():
    with pytest.raises(InputError, match=r"unknown metric 'sdr'.*si-sdr"):
        check_families(["sdr"])


def test_a_family_whose_package_is_missing_is_told_beforehand(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(predictors, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="scoreq-pytorch"):
        check_families(["pesq", "scoreq"])

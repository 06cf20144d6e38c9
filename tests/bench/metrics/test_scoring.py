"""All scores of a pair by name."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from lipstream.bench.metrics import estoi, non_intrusive, pesq_wb, si_sdr, stoi
from lipstream.bench.metrics.scoring import DEFAULT_FAMILIES, FAMILIES, METRICS, check_families, score
from lipstream.errors import InputError

MakeSpeech = Callable[[float], np.ndarray]


@pytest.fixture
def pair(speech_like: MakeSpeech) -> tuple[np.ndarray, np.ndarray]:
    speech = speech_like(1.5)
    noise = np.random.default_rng(1).standard_normal(speech.size).astype(np.float32)
    return speech, speech + 0.01 * noise


def test_scores_come_by_name_in_the_order_of_reports(pair: tuple[np.ndarray, np.ndarray]):
    scores = score(*pair, ["si-sdr", "level", "composite", "stoi"])
    assert list(scores) == [name for name in METRICS if name in scores]
    assert {"csig", "cbak", "covl", "seg_snr_db", "llr", "wss", "stoi", "level_error_db"} < set(scores)


def test_without_a_wish_the_core_scores_are_given(pair: tuple[np.ndarray, np.ndarray]):
    computed = {"pesq_wb": pesq_wb, "stoi": stoi, "estoi": estoi, "si_sdr_db": si_sdr}
    assert score(*pair) == pytest.approx({name: compute(*pair) for name, compute in computed.items()})


def test_over_suppression_tells_of_the_speech_within_the_output(pair: tuple[np.ndarray, np.ndarray]):
    speech, noisy = pair
    scores = score(speech, np.float32(0.1) * noisy, ["over-suppression"])
    assert scores["speech_level_db"] == pytest.approx(-20, abs=0.2)
    assert scores["over_suppressed_percent"] > 90


def test_silence_has_no_scores_and_is_no_error(pair: tuple[np.ndarray, np.ndarray]):
    scores = score(pair[0], np.zeros_like(pair[0]), DEFAULT_FAMILIES)
    assert all(math.isnan(value) for value in scores.values())


def test_a_pair_of_different_lengths_is_refused_whatever_is_scored(pair: tuple[np.ndarray, np.ndarray]):
    with pytest.raises(InputError, match="align"):
        score(pair[0], pair[1][:-1], ["dnsmos"])


def test_every_default_family_is_known():
    assert set(DEFAULT_FAMILIES) <= set(FAMILIES)
    check_families(DEFAULT_FAMILIES)


def test_an_unknown_family_is_told_with_the_known_ones():
    with pytest.raises(InputError, match=r"unknown metric 'sdr'.*si-sdr"):
        check_families(["sdr"])


def test_a_family_whose_package_is_missing_is_told_beforehand(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(non_intrusive, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="scoreq-pytorch"):
        check_families(["pesq", "scoreq"])

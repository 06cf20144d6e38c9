"""Scoring sets of recordings: what is compared, how it is averaged, and what is left out of the means."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from lipstream.bench.data.builtin import Item
from lipstream.bench.evaluation.quality import ItemScores, QualityReport, score_items, score_outputs
from lipstream.bench.metrics.intrusive import METRICS, Scores
from lipstream.errors import InputError

MakeSpeech = Callable[[float], np.ndarray]


@pytest.fixture(scope="module")
def items(speech_like: MakeSpeech) -> list[Item]:
    clean = speech_like(1.5)
    disturbance = np.random.default_rng(2).standard_normal(clean.size).astype(np.float32)
    return [
        Item("a", "noise", 0.0, clean + 0.05 * disturbance, clean),
        Item("b", "noise", 10.0, clean + 0.01 * disturbance, clean),
        Item("c", "clean", math.inf, clean, clean),
    ]


def item_scores(
    name: str, condition: str, snr_db: float, noisy: float, enhanced: float, kind: str = ""
) -> ItemScores:
    scores = {"noisy": Scores(noisy, noisy, noisy), "enhanced": Scores(enhanced, enhanced, enhanced)}
    return ItemScores(name, condition, snr_db, kind, scores)


def test_an_enhancer_that_passes_its_input_through_scores_like_the_noisy_signal(items: list[Item]):
    report = score_items(items, lambda noisy: noisy)
    assert [item.id for item in report.items] == ["a", "b", "c"]
    for item in report.items:
        for metric in METRICS:
            enhanced, noisy = (getattr(item.scores[signal], metric) for signal in ("enhanced", "noisy"))
            assert enhanced == pytest.approx(noisy, abs=1e-4), (item.id, metric)


def test_an_enhancer_that_knows_the_clean_signal_is_better_than_noisy(items: list[Item]):
    clean = items[0].clean
    summary = score_items(items[:2], lambda noisy: 0.5 * (noisy + clean)).summary()
    assert summary.count == 2
    for metric in METRICS:
        assert getattr(summary.means["enhanced"], metric) > getattr(summary.means["noisy"], metric)


def test_worker_processes_give_the_same_scores_in_the_same_order(items: list[Item]):
    here = score_items(items, np.copy)
    there = score_items(items, np.copy, jobs=2)
    for one, other in zip(here.items, there.items, strict=True):
        assert one.id == other.id
        assert one.scores["enhanced"].pesq_wb == other.scores["enhanced"].pesq_wb
        assert one.scores["enhanced"].si_sdr_db == other.scores["enhanced"].si_sdr_db


def test_recordings_are_read_one_at_a_time(items: list[Item]):
    events = []

    def one_by_one():
        for item in items[:2]:
            events.append(f"read {item.id}")
            yield item

    def enhance(noisy: np.ndarray) -> np.ndarray:
        events.append("enhance")
        return noisy

    score_items(one_by_one(), enhance)
    assert events == ["read a", "enhance", "read b", "enhance"]


def test_several_outputs_of_one_recording_share_its_noisy_scores(items: list[Item]):
    item = items[0]
    report = score_outputs([(item, {"enhanced": item.noisy, "with video": item.clean})])
    assert report.signals == ("noisy", "enhanced", "with video")
    assert report.items[0].scores["with video"].si_sdr_db == 100.0


def test_an_output_of_another_length_is_refused(items: list[Item]):
    with pytest.raises(InputError, match="align"):
        score_items(items, lambda noisy: noisy[:-1])


@pytest.mark.parametrize("jobs", [0, 3])
def test_only_one_or_two_jobs_are_taken(items: list[Item], jobs: int):
    with pytest.raises(ValueError, match="jobs"):
        score_items(items, np.copy, jobs=jobs)


def test_means_are_taken_over_the_recordings_of_the_group():
    report = QualityReport(
        (
            item_scores("a", "noise", 0.0, 1.0, 2.0),
            item_scores("b", "noise", 5.0, 2.0, 4.0),
            item_scores("c", "talker", 5.0, 6.0, 6.0),
        )
    )
    assert report.summary().means["enhanced"].estoi == pytest.approx(4.0)
    assert report.summary(conditions=["noise"]).means["noisy"].pesq_wb == pytest.approx(1.5)
    assert report.summary(conditions=["noise"], snr_db=5.0).means["enhanced"].si_sdr_db == pytest.approx(4.0)
    assert report.summary(snr_db=5.0).count == 2


def test_a_recording_with_an_undefined_score_is_left_out_of_all_means_and_counted():
    report = QualityReport(
        (item_scores("a", "noise", 0.0, 1.0, 2.0), item_scores("b", "noise", 0.0, 5.0, math.nan))
    )
    summary = report.summary()
    assert (summary.count, summary.unscored) == (1, 1)
    assert summary.means["noisy"].pesq_wb == 1.0
    assert "1 of 2" in report.table()


def test_a_group_without_scored_recordings_has_undefined_means():
    summary = QualityReport((item_scores("a", "noise", 0.0, math.nan, 1.0),)).summary()
    assert (summary.count, summary.unscored) == (0, 1)
    assert math.isnan(summary.means["enhanced"].pesq_wb)


def test_the_table_has_each_condition_each_ratio_each_kind_and_the_disturbed_together():
    report = QualityReport(
        (
            item_scores("a", "noise", 0.0, 1.0, 2.0, kind="seen speaker"),
            item_scores("b", "noise", 5.0, 1.0, 2.0, kind="unseen speaker"),
            item_scores("c", "talker", 5.0, 1.0, 2.0, kind="seen speaker"),
            item_scores("d", "clean", math.inf, 4.0, 4.0),
        )
    )
    labels = [summary.label for summary in report.summaries()]
    assert labels == [
        "noise 0 dB",
        "noise 5 dB",
        "noise",
        "talker",
        "clean",
        "seen speaker",
        "unseen speaker",
        "noise + talker",
    ]
    assert [summary.count for summary in report.summaries()] == [1, 1, 2, 1, 1, 2, 1, 3]


def test_an_empty_report_has_a_table():
    assert "items" in QualityReport(()).table()

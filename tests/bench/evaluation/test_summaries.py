"""Means by condition and ratio."""

import csv
import math
from pathlib import Path

import pytest

from lipstream.bench.evaluation.results import Record, Results
from lipstream.bench.evaluation.summaries import (
    Mean,
    groups_by_condition,
    groups_by_snr,
    save_by_snr_csv,
    scores_text,
)


def record(name: str, condition: str, snr_db: float, noisy: float, lite: float, kind: str = "") -> Record:
    scores = {"lite": {"pesq_wb": lite}, "noisy": {"pesq_wb": noisy}}
    return Record(name, condition, snr_db, scores, kind, dataset="audio")


@pytest.fixture
def results() -> Results:
    items = [
        record("a", "noise", -5.0, 1.0, 2.0, "seen"),
        record("b", "noise", -4.0, 2.0, 4.0),
        record("c", "noise", 20.0, 3.0, math.nan),
        record("d", "talker", math.nan, 1.0, 1.0),
        record("e", "clean", math.inf, 4.0, 4.0),
    ]
    return Results({}, {}, items)


def test_a_mean_knows_its_count_and_its_spread():
    mean = Mean.of([1.0, 2.0, 3.0])
    assert (mean.value, mean.count, mean.std) == (2.0, 3, 1.0)
    assert mean.ci95 == pytest.approx(1.96 / math.sqrt(3))
    assert math.isnan(Mean.of([1.0]).ci95)
    assert math.isnan(Mean.of([]).value)


def test_all_signals_are_compared_on_the_recordings_in_which_all_are_defined(results: Results):
    noise = groups_by_condition(results)[0]
    assert noise.signals == ["noisy", "lite"]
    assert noise.mean("noisy", "pesq_wb") == Mean.of([1.0, 2.0])
    assert noise.mean("lite", "pesq_wb").value == 3.0


def test_a_signal_without_a_score_does_not_take_it_from_the_others():
    full = {"pesq_wb": 2.0, "covl": 3.0}
    scores = {"noisy": full, "lite": full, "peer": {"pesq_wb": 1.5}}
    (group,) = groups_by_condition(Results({}, {}, [Record("a", "noise", 0.0, scores)]))
    assert group.mean("lite", "covl").value == 3.0
    assert group.mean("peer", "covl").count == 0
    assert group.mean("peer", "pesq_wb").value == 1.5


def test_conditions_kinds_and_all_that_is_disturbed_are_groups(results: Results):
    groups = groups_by_condition(results)
    assert [(group.label, len(group.items)) for group in groups] == [
        ("noise", 3),
        ("talker", 1),
        ("clean", 1),
        ("seen", 1),
        ("noise + talker", 4),
    ]


def test_ratios_are_counted_by_the_nearest_step_and_unknown_ones_left_out(results: Results):
    groups = groups_by_snr(results)
    assert [(group.label, group.snr_db, len(group.items)) for group in groups] == [
        ("noise", -5.0, 2),
        ("noise", 20.0, 1),
    ]


def test_the_breakdown_is_a_tidy_table(results: Results, tmp_path: Path):
    save_by_snr_csv(tmp_path / "by_snr.csv", results)
    rows = list(csv.DictReader((tmp_path / "by_snr.csv").open()))
    assert [(row["snr_db"], row["signal"], row["mean"], row["count"]) for row in rows] == [
        ("-5.0", "noisy", "1.5", "2"),
        ("-5.0", "lite", "3", "2"),
    ]


def test_the_text_shows_undefined_means_as_a_dash(results: Results):
    only = Results({}, {}, [record("c", "noise", 20.0, 3.0, math.nan)])
    assert scores_text(only).splitlines()[-1].split() == ["lite", "0", "-"]
    assert "audio noise + talker" in scores_text(results)

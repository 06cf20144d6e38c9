"""Means by condition and ratio, what a video brings, and that no recording is lost on the way."""

import csv
import math
from pathlib import Path

import pytest

from lipstream.bench.evaluation.results import AlphaTrace, Record, Results
from lipstream.bench.evaluation.summaries import (
    Mean,
    groups_by_condition,
    groups_by_snr,
    save_by_snr_csv,
    video_effects,
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


def test_the_ratios_of_a_condition_stand_before_it_where_there_are_several(results: Results):
    titles = [group.title for group in groups_by_condition(results, ratios=True)]
    assert titles == ["noise -5 dB", "noise 20 dB", "noise", "talker", "clean", "seen", "noise + talker"]


def test_recordings_in_the_mean_are_counted_beside_all(results: Results):
    noise, talker, *_ = groups_by_condition(results)
    assert noise.counts(["noisy", "lite"], ["pesq_wb"]) == "2 of 3"
    assert talker.counts(["noisy"], ["pesq_wb"]) == "1"
    scores = {"noisy": {"pesq_wb": 2.0, "estoi": math.nan}}
    (partly,) = groups_by_condition(Results({}, {}, [Record("x", "noise", 0.0, scores)]))
    assert partly.counts(["noisy"], ["pesq_wb", "estoi"]) == "0 to 1 of 1"


def test_recordings_that_lack_a_signal_are_a_group_of_their_own():
    alone = {"noisy": {"pesq_wb": 1.0}, "lite": {"pesq_wb": 2.0}}
    filmed = {**alone, "lite + video": {"pesq_wb": 3.0}, "lite + black video": {"pesq_wb": 2.0}}
    items = [Record("a", "noise", 0.0, filmed), Record("b", "noise", 0.0, alone)]
    items.append(Record("c", "noise", 0.0, {"noisy": {"pesq_wb": 1.0}}))
    groups = groups_by_condition(Results({}, {}, items))
    assert [(group.label, len(group.items)) for group in groups] == [
        ("noise", 1),
        ("noise, without video", 1),
        ("noise, without lite, lite + video, lite + black video", 1),
    ]
    assert groups[1].mean("lite", "pesq_wb").count == 1


def test_unknown_ratios_are_a_group_beside_known_ones():
    items = [record("a", "files", 5.0, 1.0, 2.0), record("b", "files", math.nan, 1.0, 2.0)]
    titles = [group.title for group in groups_by_snr(Results({}, {}, items))]
    assert titles == ["files 5 dB", "files, SNR unknown"]


def test_ratios_are_counted_by_the_nearest_step_and_conditions_without_any_left_out(results: Results):
    groups = groups_by_snr(results)
    assert [(group.label, group.snr_db, len(group.items)) for group in groups] == [
        ("noise", -5.0, 2),
        ("noise", 20.0, 1),
    ]


def test_the_breakdown_is_a_tidy_table_that_counts_what_is_in_no_mean(results: Results, tmp_path: Path):
    save_by_snr_csv(tmp_path / "by_snr.csv", results)
    rows = list(csv.DictReader((tmp_path / "by_snr.csv").open()))
    assert [tuple(row[k] for k in ("snr_db", "signal", "recordings", "count", "mean")) for row in rows] == [
        ("-5.0", "noisy", "2", "2", "1.5"),
        ("-5.0", "lite", "2", "2", "3"),
        ("20.0", "noisy", "1", "0", ""),
        ("20.0", "lite", "1", "0", ""),
    ]


def shown(name: str, kind: str, alone: float, good: float, black: float) -> Record:
    values = {"noisy": 0.0, "lite": alone, "lite + video": good, "lite + black video": black, "DFN3": 9.0}
    scores = {signal: {"si_sdr_db": value} for signal, value in values.items()}
    return Record(name, "talker", 0.0, scores, kind, dataset="av")


def test_changes_are_against_the_same_system_audio_only():
    items = [
        shown("a", "seen", 1.0, 4.0, 0.9),
        shown("b", "unseen", 2.0, 3.0, 2.0),
        shown("c", "seen", 1.0, math.nan, 1.0),
    ]
    alpha = [
        AlphaTrace("av", "a", "lite + video", 0.02, [0.5, 0.7]),
        AlphaTrace("av", "b", "lite + video", 0.02, [0.8]),
        AlphaTrace("audio", "b", "lite + video", 0.02, [0.0]),
    ]
    effects = video_effects(Results({}, {}, items, alpha))
    assert [effect.group for effect in effects] == ["talker", "talker, seen", "talker, unseen", "all"]
    assert {effect.system for effect in effects} == {"lite"}
    talker = effects[0]
    assert (talker.audio_only.count, talker.recordings) == (2, 3)
    assert talker.audio_only.value == 1.5
    assert talker.change["good"].value == pytest.approx(2.0)
    assert talker.change["black"].value == pytest.approx(-0.05)
    assert talker.alpha["good"].value == pytest.approx(0.7)
    assert math.isnan(talker.alpha["black"].value)
    assert effects[1].change["good"].value == pytest.approx(3.0)


def test_without_videos_there_are_no_effects():
    assert video_effects(Results({}, {}, [Record("a", "noise", 0.0, {"lite": {"si_sdr_db": 1.0}})])) == []

"""Results as plain text: undefined means are dashes, nothing is left out without being counted."""

import math

import pytest

from lipstream.bench.evaluation.results import Record, Results
from lipstream.bench.report.text import conditions_table, fidelity_table, scores_table, systems_table


def record(name: str, condition: str, snr_db: float, noisy: float, lite: float, kind: str = "") -> Record:
    scores = {
        signal: {"pesq_wb": value, "estoi": value / 10, "si_sdr_db": 2 * value}
        for signal, value in (("noisy", noisy), ("lite", lite))
    }
    return Record(name, condition, snr_db, scores, kind, dataset="audio")


@pytest.fixture
def results() -> Results:
    items = [
        record("a", "noise", 0.0, 1.0, 2.0, kind="seen speaker"),
        record("b", "noise", 5.0, 2.0, 4.0, kind="unseen speaker"),
        record("c", "talker", 5.0, 1.0, 2.0, kind="seen speaker"),
        record("d", "clean", math.inf, 4.0, 4.0),
    ]
    return Results({}, {}, items)


def test_a_row_for_each_signal_of_each_condition(results: Results):
    rows = scores_table(results).splitlines()
    assert rows[3].split() == ["audio", "noise", "noisy", "2", "1.50", "0.150", "3.0"]
    assert "audio noise + talker" in scores_table(results)


def test_undefined_means_are_dashes_and_their_recordings_counted():
    only = Results({}, {}, [record("c", "noise", 20.0, 3.0, math.nan)])
    assert scores_table(only).splitlines()[-1].split() == ["lite", "0", "of", "1", *"---"]
    assert conditions_table(only).splitlines()[-1].split() == ["noise", "0", "of", "1", *"------"]


def test_each_condition_each_ratio_each_kind_and_the_disturbed_together_have_a_row(results: Results):
    rows = [row.rstrip() for row in conditions_table(results).splitlines()[3:]]
    assert [row[:20].strip() for row in rows] == [
        "noise 0 dB",
        "noise 5 dB",
        "noise",
        "talker",
        "clean",
        "seen speaker",
        "unseen speaker",
        "noise + talker",
    ][: len(rows)]
    assert rows[2].split() == ["noise", "2", "1.50", "3.00", "0.15", "0.30", "3.0", "6.0"]


def test_a_recording_with_an_undefined_score_is_in_no_mean_of_it(results: Results):
    items = [*results.items, record("e", "talker", 5.0, 1.0, math.nan)]
    row = next(r for r in conditions_table(Results({}, {}, items)).splitlines() if r.startswith("talker"))
    assert row.split()[1:5] == ["1", "of", "2", "1.00"]


def test_systems_are_told_by_what_is_disturbed_and_by_clean_speech(results: Results):
    noisy, lite = systems_table(results).splitlines()[3:]
    assert noisy.split() == ["noisy", "3", "1.333", "0.133", "2.67", "4.00"]
    assert lite.split()[:3] == ["lite", "3", "2.667"]
    assert lite.split()[-4:] == ["-"] * 4


def test_without_recordings_there_are_tables_without_rows():
    empty = Results({}, {}, [])
    for table in (scores_table(empty), conditions_table(empty), systems_table(empty)):
        assert "items" in table
        assert table.splitlines()[-1].startswith("-") or not table.splitlines()[-1].strip("- ")


def spoken(name: str, level: float, pesq: float, estoi: float, lost: float) -> Record:
    scores = {"level_error_db": level, "pesq_wb": pesq, "estoi": estoi, "over_suppressed_percent": lost}
    return Record(name, "clean", math.inf, {"lite": {**scores, "speech_level_db": 7.0}})


def test_fidelity_is_of_what_is_defined_and_the_worst_keeps_its_sign():
    items = [
        spoken("a", 1.0, 4.0, 0.9, 0.0),
        spoken("b", -2.0, math.nan, 0.7, 10.0),
        spoken("c", math.nan, 3.0, 0.8, 20.0),
    ]
    row = fidelity_table(Results({}, {}, items), "lite").splitlines()[-1]
    assert row.split() == ["clean", "3", "3.50", "0.800", "1.50", "-2.00", "10.00"]


def test_in_noise_only_the_gain_of_the_speech_counts_and_all_ratios_come_last():
    scores = {"speech_level_db": -3.0, "level_error_db": 5.0, "pesq_wb": 2.0, "over_suppressed_percent": 9.0}
    items = [
        Record("x", "noise", 5.0, {"lite": scores}),
        Record("y", "noise", 0.0, {"lite": {**scores, "speech_level_db": -1.0}}),
        spoken("a", 1.0, 4.0, 0.9, 0.0),
    ]
    rows = fidelity_table(Results({}, {}, items), "lite").splitlines()[3:]
    assert [row[:12].strip() for row in rows] == ["clean", "noise, 0 dB", "noise, 5 dB", "noise, all"]
    assert rows[-1].split()[2:] == ["2", "-", "-", "2.00", "-3.00", "-"]

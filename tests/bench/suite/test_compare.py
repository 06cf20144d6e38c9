"""Two runs of the suite: what counts as a regression, and which files are no runs."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipstream.bench.output import write_json
from lipstream.bench.speed.measurements import Measurement
from lipstream.bench.suite.compare import Change, SuiteRun, compare_suites, load_suite
from lipstream.bench.suite.run import SuiteReport
from lipstream.errors import InputError


def verdict(a: float, b: float, noise: float = 0.0, higher_is_better: bool = False) -> str:
    first, second = (Measurement("x", value, "ms", noise, higher_is_better) for value in (a, b))
    return Change.of(first, second, threshold_percent=10).verdict


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [(1.0, 1.2, "worse"), (1.0, 1.09, ""), (1.0, 0.95, ""), (1.0, 0.8, "better"), (0.0, 1.0, "worse")],
)
def test_beyond_the_threshold_a_change_is_one(a: float, b: float, expected: str):
    assert verdict(a, b) == expected


def test_what_is_within_the_noise_of_both_runs_is_no_change():
    assert verdict(1.0, 1.2, noise=5.0) == "worse"
    assert verdict(1.0, 1.2, noise=15.0) == ""


def test_of_streams_a_core_fewer_are_worse():
    assert verdict(100, 80, higher_is_better=True) == "worse"
    assert verdict(100, 130, higher_is_better=True) == "better"


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.booleans())
def test_what_is_worse_one_way_is_better_the_other_way(a: float, b: float, higher: bool):
    there, back = verdict(a, b, 0.0, higher), verdict(b, a, 0.0, higher)
    near = abs(max(a, b) / min(a, b) - 1.1) < 1e-9  # on the threshold itself rounding decides
    assert near or {there, back} in ({""}, {"worse", "better"})


def test_a_report_is_read_back_and_equals_itself(tmp_path: Path, suite_of: Callable[..., SuiteReport]):
    write_json(tmp_path / "suite.json", suite_of(hop=1.5, state=0.0))
    run = load_suite(tmp_path / "suite.json")
    assert run.measurements["hop"] == Measurement("hop", 1.5, "ms")
    comparison = compare_suites(run, run, 10)
    assert not comparison.regressions
    assert not comparison.warnings
    assert comparison.text().endswith("no regression, 0 got better")


def test_suites_of_version_0_1_called_their_measurements_readings(tmp_path: Path):
    entry = {"name": "hop", "value": 1.5, "unit": "ms"}
    (tmp_path / "suite.json").write_text(json.dumps({"machine": {}, "readings": [entry]}))
    assert load_suite(tmp_path / "suite.json").measurements["hop"] == Measurement("hop", 1.5, "ms")


def test_regressions_come_first_and_lost_readings_are_named():
    a = SuiteRun({}, {name: Measurement(name, 1.0, "ms") for name in ("same", "slow", "gone")})
    b = SuiteRun({}, {name: Measurement(name, value, "ms") for name, value in (("same", 1.0), ("slow", 2.0))})
    comparison = compare_suites(a, b, 10)
    assert [change.name for change in comparison.changes] == ["slow", "same"]
    text = comparison.text()
    assert "only in A: gone" in text
    assert text.endswith("1 of 2 measurements got worse, 0 got better")


def test_other_machines_and_busy_ones_are_told():
    measurement = {"x": Measurement("x", 1.0, "ms")}
    machine = {"cpu": "slow", "cores": 2, "governor": None, "load": 0.2}
    a = SuiteRun(machine, measurement)
    assert compare_suites(a, replace(a, machine=machine | {"cpu": "fast"}), 10).warnings == [
        "the machines differ: cpu is slow in A and fast in B"
    ]
    (warning,) = compare_suites(a, replace(a, machine=machine | {"load": 3.0}), 10).warnings
    assert "run B began on a busy machine" in warning


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "7",
        "{}",
        '{"machine": {}, "measurements": [1]}',
        '{"machine": {}, "measurements": [{"name": "a"}]}',
        '{"machine": {}, "measurements": [{"name": "a", "value": null, "unit": "s"}]}',
    ],
)
def test_other_files_are_told_in_one_line(tmp_path: Path, content: str):
    file = tmp_path / "other.json"
    file.write_text(content)
    with pytest.raises(InputError, match="no report of the suite"):
        load_suite(file)


def test_missing_files_and_runs_without_a_common_reading_are_told(tmp_path: Path):
    with pytest.raises(InputError, match="cannot read"):
        load_suite(tmp_path / "missing.json")
    with pytest.raises(InputError, match="no measurement in common"):
        compare_suites(SuiteRun({}, {}), SuiteRun({}, {}), 10)

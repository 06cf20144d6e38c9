"""Tables and JSON files."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import pytest

from lipstream.bench.output import check_writable, format_count, format_table, write_json
from lipstream.errors import InputError


@dataclass(frozen=True)
class Point:
    x: float
    names: tuple[str, ...]


def test_columns_line_up_under_headings_of_one_and_two_lines():
    table = format_table(["", "PESQ\nnoisy", "n"], [["noise", "1.28", "54"], ["a talker", "10.00", "5"]])
    assert table.split("\n") == [
        "           PESQ",
        "          noisy   n",
        "--------  -----  --",
        "noise      1.28  54",
        "a talker  10.00   5",
    ]


def test_a_table_without_rows_is_its_heading():
    assert format_table(["a", "b"], []) == "a  b\n-  -"


@pytest.mark.parametrize(
    ("value", "text"), [(12, "12"), (362_000, "362 k"), (1_250_000, "1.25 M"), (0.3e9, "300 M"), (2e9, "2 G")]
)
def test_large_numbers_are_shortened(value: float, text: str):
    assert format_count(value) == text


def test_json_holds_dataclasses_as_objects_and_undefined_numbers_as_null(tmp_path: Path):
    file = tmp_path / "report.json"
    write_json(file, {"point": Point(math.nan, ("a", "b")), "worst": math.inf, "count": 3})
    assert json.loads(file.read_text()) == {
        "point": {"x": None, "names": ["a", "b"]},
        "worst": None,
        "count": 3,
    }


def test_json_replaces_an_older_report_and_leaves_nothing_else(tmp_path: Path):
    file = tmp_path / "report.json"
    write_json(file, {"run": 1})
    write_json(file, {"run": 2})
    assert json.loads(file.read_text()) == {"run": 2}
    assert list(tmp_path.iterdir()) == [file]


def test_an_older_report_survives_a_payload_that_json_cannot_hold(tmp_path: Path):
    file = tmp_path / "report.json"
    write_json(file, {"run": 1})
    with pytest.raises(TypeError):
        write_json(file, {"run": object()})
    assert json.loads(file.read_text()) == {"run": 1}
    assert list(tmp_path.iterdir()) == [file]


def test_a_place_that_takes_no_report_is_told_before_the_measurement(tmp_path: Path):
    with pytest.raises(InputError, match="does not exist"):
        check_writable(tmp_path / "missing" / "report.json")
    with pytest.raises(InputError, match="is a folder"):
        check_writable(tmp_path)

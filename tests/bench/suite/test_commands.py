"""``lipstream bench suite`` and ``compare``: files, exit codes, and the errors a user sees."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lipstream import cli
from lipstream.bench.commands.suite import add_suite
from lipstream.bench.output import write_json
from lipstream.bench.suite import run as suite_run
from lipstream.bench.suite.run import SuiteReport
from lipstream.errors import InputError


def run(*argv: str) -> int:
    parser = argparse.ArgumentParser()
    add_suite(parser.add_subparsers())
    args = parser.parse_args(argv)
    return int(args.run(args))


@pytest.fixture
def files(tmp_path: Path, suite_of: Callable[..., SuiteReport]) -> dict[str, str]:
    """Paths of reports by name."""
    values = {"before": 1.0, "same": 1.05, "slower": 1.5}
    for name, value in values.items():
        write_json(tmp_path / f"{name}.json", suite_of(hop=value))
    return {name: str(tmp_path / f"{name}.json") for name in values}


def test_suite_writes_a_report_to_compare_and_a_page(
    tmp_path: Path,
    suite_of: Callable[..., SuiteReport],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(suite_run, "run_suite", lambda quick, tell: suite_of(hop=1.0 if quick else 2.0))
    folder = tmp_path / "new" / "folder"
    assert run("suite", "--quick", "--out", str(folder)) == 0
    assert json.loads((folder / "suite.json").read_text())["measurements"][0]["value"] == 1.0
    assert "<html" in (folder / "report.html").read_text()
    assert "not measured: no <compiler>" in capsys.readouterr().out


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_measured(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="choose another"):
        run("suite", "--out", str(tmp_path / "file"))


def test_compare_exits_with_1_where_something_got_worse(
    files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run("compare", files["before"], files["same"]) == 0
    assert run("compare", files["before"], files["slower"], "--json", str(tmp_path / "c.json")) == 1
    assert "1 of 1 measurements got worse" in capsys.readouterr().out
    assert json.loads((tmp_path / "c.json").read_text())["changes"][0]["b"] == 1.5
    assert run("compare", files["before"], files["slower"], "--threshold", "60") == 0


def test_bad_files_are_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "bad.json").write_text("{")
    assert cli.main(["bench", "compare", str(tmp_path / "bad.json"), str(tmp_path / "bad.json")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no report of the suite" in line

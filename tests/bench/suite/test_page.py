"""The page of the suite: every kind of report is drawn, and what is missing is told."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lipstream.bench.report.figures import as_svg
from lipstream.bench.suite.figures import figure_of
from lipstream.bench.suite.page import save_suite_page
from lipstream.bench.suite.run import Part, SuiteReport

from .conftest import MACHINE, Readings, reports


@pytest.mark.parametrize("report", reports(), ids=lambda report: type(report).__name__)
def test_every_report_is_drawn(report: object):
    figure = figure_of(report)
    assert figure is not None
    assert as_svg(figure).startswith("<svg")


def test_a_report_without_a_drawing_is_shown_as_text():
    assert figure_of(Readings({})) is None


def test_the_page_shows_all_parts_and_the_summary(tmp_path: Path):
    parts = [Part(type(report).__name__, report, "", 1.0) for report in reports()]  # type: ignore[arg-type]
    save_suite_page(tmp_path / "report.html", SuiteReport(MACHINE, False, parts, []))
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == len(parts)
    assert page.count("<table>") == 2
    for shown in ("a processor", "mouth to ear, ms", "LayersReport", "between them"):
        assert shown in page
    assert 'src="' not in page
    assert "quick" not in page


def test_what_could_not_be_measured_is_told_and_escaped(tmp_path: Path, suite_of: Callable[..., SuiteReport]):
    save_suite_page(tmp_path / "report.html", suite_of(hop=1.0))
    page = (tmp_path / "report.html").read_text()
    assert "not measured: no &lt;compiler&gt;" in page
    assert "quick run" in page

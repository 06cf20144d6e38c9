"""The HTML report: everything inside one file, and the figures it shows are those of the results."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipstream.bench.evaluation.results import AlphaTrace, Example, Record, Results
from lipstream.bench.report.figures import (
    alpha_figure,
    as_png,
    as_svg,
    snr_figure,
    spectrogram_db,
    spectrogram_figure,
)
from lipstream.bench.report.page import save_page
from lipstream.bench.report.tables import comparison_tables, score_tables, video_tables
from lipstream.bench.speed.cost import Cost


def record(name: str, condition: str, snr_db: float, noisy: float, lite: float) -> Record:
    scores = {
        "noisy": {"si_sdr_db": noisy, "wss": 50.0, "level_error_db": 3.0},
        "lite": {"si_sdr_db": lite, "wss": 30.0, "level_error_db": -1.0},
        "lite + video": {"si_sdr_db": lite + 1, "wss": 40.0, "level_error_db": 2.0},
    }
    return Record(name, condition, snr_db, scores, dataset="<av>")


@pytest.fixture
def results(tmp_path: Path) -> Results:
    files = {}
    for name in ("noisy", "lite", "clean"):
        files[name] = str(tmp_path / f"{name}.flac")
        soundfile.write(files[name], np.random.default_rng(0).standard_normal(8000) / 10, 16000)
    items = [
        record("a", "noise", -5.0, -5.0, 1.0),
        record("b", "noise", 5.0, 5.0, 8.0),
        record("c", "clean", np.inf, 100.0, 30.0),
    ]
    cost = Cost("lite", 25.0, 0.1, macs_per_second=2.5e8, state_bytes=578000, peak_memory_mib=80.0)
    return Results(
        {},
        {"sets": ["<av>"]},
        items,
        [AlphaTrace("<av>", "a", "lite + video", 0.02, [0.5, 0.9])],
        [cost],
        [Example("<av>", "a", files)],
        ["<one> was left out"],
    )


def test_the_page_needs_nothing_beside_itself(results: Results, tmp_path: Path):
    save_page(tmp_path / "r.html", results, "A <title>")
    page = (tmp_path / "r.html").read_text()
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith(("data:image/png", "data:audio/flac", "#")) for source in sources)
    assert "A &lt;title&gt;" in page
    assert "<av>" not in page
    assert "&lt;one&gt; was left out" in page
    headings = re.findall("<h2>(.*?)</h2>", page)
    assert headings[:4] == ["Scores", "By signal-to-noise ratio", "Lips", "Are the differences real?"]
    assert headings[4:] == ["Cost", "Examples"]
    assert page.count("<svg") == 2
    assert page.count("<audio") == 3
    assert page.count("<img") == 1


def test_sections_without_content_are_left_out(tmp_path: Path):
    bare = Results({}, {}, [Record("a", "noise", np.nan, {"enhanced": {"estoi": 0.5}})])
    save_page(tmp_path / "r.html", bare, "t")
    page = (tmp_path / "r.html").read_text()
    assert re.findall("<h2>(.*?)</h2>", page) == ["Scores"]


def test_the_best_of_each_group_is_marked_by_what_better_means(results: Results):
    (table,) = score_tables(results)
    noise = {row.cells[1].text: row.cells[3:] for row in table.rows[:3]}
    assert table.headers[3:] == ["SI-SDR, dB", "WSS", "level, dB"]
    marked = {signal: [cell.style for cell in cells] for signal, cells in noise.items()}
    assert marked == {"noisy": ["", "", ""], "lite": ["", "best", "best"], "lite + video": ["best", "", ""]}
    assert [cell.text for cell in noise["lite"]] == ["4.5", "30.0", "-1.00"]


def test_tests_leave_clean_recordings_out(results: Results):
    against_noisy = next(iter(comparison_tables(results)))
    assert against_noisy.title == "A: noisy, B: lite"
    assert against_noisy.rows[0].cells[1].text == "2"


def test_signals_that_share_no_recording_are_told_and_not_tested(results: Results):
    elsewhere = Record("z", "noise", 0.0, {"DFN3": {"si_sdr_db": 5.0}}, dataset="mine")
    titles = [table.title for table in comparison_tables(replace(results, items=[*results.items, elsewhere]))]
    assert "A: DFN3, B: lite: no recording has both" in titles


def test_the_table_of_lips_shows_change_and_confidence(results: Results):
    (table,) = video_tables(results)
    noise = [cell.text for cell in table.rows[0].cells]
    assert noise == ["noise", "2", "4.50", "+1.00 ± 0.00", "0.70"]


def test_a_plot_over_the_ratio_needs_two_ratios(results: Results):
    figure = snr_figure(results, "<av>")
    assert figure is not None
    (axis,) = figure.axes
    assert axis.get_title() == "noise: SI-SDR, dB"
    np.testing.assert_allclose(np.asarray(axis.lines[0].get_ydata(), np.float64), [-5.0, 5.0])
    assert snr_figure(results, "other") is None


def test_a_full_scale_sine_has_0_db_in_its_bin():
    time = np.arange(16000) / 16000
    levels = spectrogram_db(np.sin(2 * np.pi * 1000 * time).astype(np.float32))
    assert levels.shape[0] == 257
    np.testing.assert_allclose(levels[32], 0.0, atol=0.01)
    assert levels[100].max() < -60


def test_the_difference_panel_is_zero_where_enhanced_equals_clean():
    wave = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    figure = spectrogram_figure({"noisy": 2 * wave, "lite": wave, "clean": wave}, "lite")
    titles = [axis.get_title() for axis in figure.axes[:4]]
    assert titles[:3] == ["noisy", "lite", "clean"]
    assert not np.any(figure.axes[3].images[0].get_array())
    assert as_png(figure).startswith(b"\x89PNG")


def test_confidence_is_averaged_over_recordings_of_any_length():
    traces = [AlphaTrace("av", "a", "x", 0.02, [0.2, 0.4]), AlphaTrace("av", "b", "x", 0.02, [0.4])]
    figure = alpha_figure(traces)
    np.testing.assert_allclose(np.asarray(figure.axes[0].lines[0].get_ydata(), np.float64), [0.3, 0.4])
    assert as_svg(figure).startswith("<svg")

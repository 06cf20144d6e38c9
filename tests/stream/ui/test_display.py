"""Where a session is shown: a panel on a terminal of any width, plain lines elsewhere."""

import json
import os
import subprocess
import sys
import threading
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from lipstream import InputError
from lipstream.stream.live.stats import StatsFile
from lipstream.stream.ui.display import Lines, Panel, Relay, choose_display, panel
from lipstream.stream.ui.keys import KEYS, View
from lipstream.stream.ui.words import rows, status_line
from lipstream.tests.stream.ui.looks import STATS


def test_without_a_terminal_lines_come_plain(capsys: pytest.CaptureFixture[str]) -> None:
    display = choose_display()
    assert isinstance(display, Lines)
    with display:
        display.tell("input Microphone")
        display.show(STATS, View())
    assert capsys.readouterr().out == f"input Microphone\n{status_line(STATS)}\n"


def test_the_panel_gives_the_terminal_back(capsys: pytest.CaptureFixture[str]) -> None:
    with Panel() as display:
        display.show(STATS, View())
        display.tell("camera [red]lost")  # no markup of ours
    assert "camera [red]lost" in capsys.readouterr().out


def test_other_threads_are_passed_on_by_the_one_that_writes(capsys: pytest.CaptureFixture[str]) -> None:
    with Relay(Lines()) as relay:
        thread = threading.Thread(target=relay.tell, args=("from elsewhere",))
        thread.start()
        thread.join()
        assert capsys.readouterr().out == ""
        relay.pass_on()
        assert capsys.readouterr().out == "from elsewhere\n"
        relay.tell("from here")
        assert capsys.readouterr().out == "from here\n"


def test_json_stats_are_appended_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "stats.jsonl").write_text("{}\n")
    with StatsFile(tmp_path / "stats.jsonl", print) as file:
        file.write(STATS)
        first, second = map(json.loads, (tmp_path / "stats.jsonl").read_text().splitlines())
    assert first == {}
    assert second["camera"]["state"] == "tracking"
    assert second["pipeline"]["latency"]["added_ms"] == 53.5
    assert second["pipeline"]["latency"]["total_ms"] == 103.5
    with pytest.raises(InputError, match="choose another --json-stats"):
        StatsFile(tmp_path, print)


@pytest.mark.parametrize("details", [False, True])
def test_nothing_is_cut_off_on_a_narrow_terminal(details: bool) -> None:
    view = View(details=details, keys=True)
    console = Console(width=60, file=StringIO())
    console.print(panel(STATS, view))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in shown
    # Long texts are broken at spaces.
    told = "".join("".join(row) for row in rows(STATS, view))
    assert "".join(shown.split()) == "".join(told.split())
    assert max(map(len, shown.splitlines())) <= 60
    assert all(words in shown for name, words in KEYS)


def test_bars_are_drawn_with_what_a_terminal_has() -> None:
    console = Console(width=80, file=StringIO())
    console.print(panel(STATS, View(), encoding="latin-1"))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "##" in shown
    assert shown.isascii()


def test_a_reader_that_goes_away_ends_it_and_is_told_no_more() -> None:
    program = """
from lipstream.stream.ui.display import Lines, Relay
try:
    with Relay(Lines()) as relay:
        while True:
            relay.tell("x" * 1000)
except BrokenPipeError:
    relay.tell("ended")
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60), errors) == (0, b"")

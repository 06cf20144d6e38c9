"""What the user sees: every number the issue of a session is judged by, on a terminal and in plain lines."""

import json
import threading
from dataclasses import replace
from math import nan
from pathlib import Path

import pytest

from lipstream import InputError
from lipstream.stream.live.config import LiveLatency
from lipstream.stream.live.stats import DeviceState, LiveStats, PipelineStats, StatsFile
from lipstream.stream.ui.display import (
    Lines,
    Panel,
    Relay,
    bar,
    choose_display,
    clock_time,
    panel_rows,
    status_line,
)
from lipstream.stream.video.camera.status import CameraState, CameraStatus

LATENCY = LiveLatency(
    align_ms=0.0, enhancer_ms=28.0, varispeed_ms=0.5, buffer_ms=25.0, input_wait_ms=10.0, devices_ms=40.0
)
PIPELINE = PipelineStats(
    input_dbfs=-23.4,
    output_dbfs=-31.2,
    alpha=0.72,
    hop_p50_ms=2.1,
    hop_p99_ms=4.04,
    rtf=0.18,
    input_overflows=1,
    input_damaged=0,
    output_underruns=2,
    latency_cuts=0,
    drift_ppm=12.3,
    fill_ms=35.0,
    target_ms=35.0,
    latency=LATENCY,
)
STATS = LiveStats(
    running_s=3_723.9,
    input=DeviceState("Microphone", 44_100, alive=True),
    output=DeviceState("Headphones", 48_000, alive=True),
    pipeline=PIPELINE,
    camera=CameraStatus(CameraState.TRACKING, "", 24.8, 0.04, 93, 0, 0),
    bypass=False,
    mute=False,
    video=True,
    atten_limit_db=100.0,
    restarts=0,
    recorded_s=None,
)


def panel_text(stats: LiveStats) -> str:
    return "\n".join(f"{name} {text}" for name, text in panel_rows(stats))


def test_the_plain_line_tells_it_all() -> None:
    line = status_line(STATS)
    assert "\n" not in line
    for words in (
        "1:02:03",
        "in -23 dBFS",
        "out -31 dBFS",
        "video tracking, 25 fps, alpha 0.72",
        "latency 54 ms",
        "RTF 0.18, hop p50 2.1 p99 4.0 ms",
        "xruns in 1 out 2",
        "drift +12 ppm",
    ):
        assert words in line


def test_the_panel_shows_devices_latency_by_stage_and_keys() -> None:
    text = panel_text(STATS)
    for words in (
        "Microphone, 44.1 kHz",
        "Headphones, 48 kHz",
        "0.72 alpha  tracking, 25 fps",
        "53.5 ms added (enhancer 28.0 + varispeed 0.5 + buffer 25.0), devices 50 ms",
        "q quit",
    ):
        assert words in text


def test_controls_and_troubles_are_shown_where_they_are() -> None:
    lost = CameraStatus(CameraState.LOST, "no video frames for 3 s", 0.0, None, 0, 0, 1)
    stats = replace(
        STATS,
        camera=lost,
        output=DeviceState("Headphones", 48_000, alive=False),
        pipeline=replace(PIPELINE, latency_cuts=3, input_damaged=4),
        bypass=True,
        mute=True,
        video=False,
        atten_limit_db=12.0,
        recorded_s=65.0,
    )
    for text in (status_line(stats), panel_text(stats)):
        for words in (
            "off (lost (no video frames for 3 s))",
            "damaged 4 cuts 3",
            "BYPASS",
            "MUTED",
            "suppression light, up to 12 dB",
            "recorded 0:01:05",
        ):
            assert words in text
    assert "Headphones gone" in status_line(stats)
    assert "Headphones, 48 kHz (gone, looking for it)" in panel_text(stats)
    assert "video none" in status_line(replace(STATS, camera=None))


def test_a_delay_that_nobody_knows_is_shown_as_unknown_with_the_reason() -> None:
    unknown = replace(STATS, pipeline=replace(PIPELINE, latency=replace(LATENCY, buffer_ms=nan), fill_ms=nan))
    for stats, words in (
        (replace(unknown, running_s=0.5), "not known yet"),
        (replace(unknown, listened=False), "unknown: nobody listens to the virtual microphone"),
        (replace(unknown, listened=True), "unknown: the devices do not run steadily"),
    ):
        for text in (status_line(stats), panel_text(stats)):
            assert words in text
            assert "nan" not in text
        told = json.loads(json.dumps(stats.as_dict(), allow_nan=False))["pipeline"]
        assert told["latency"]["added_ms"] is told["latency"]["total_ms"] is told["fill_ms"] is None


@pytest.mark.parametrize(("share", "filled"), [(-1.0, 0), (0.0, 0), (0.5, 12), (1.0, 24), (7.0, 24)])
def test_a_bar_is_filled_by_its_share(share: float, filled: int) -> None:
    assert bar(share) == "█" * filled + "·" * (24 - filled)


def test_time_counts_hours() -> None:
    assert [clock_time(s) for s in (0, 59.9, 60, 36_000)] == ["0:00:00", "0:00:59", "0:01:00", "10:00:00"]


def test_without_a_terminal_lines_come_plain(capsys: pytest.CaptureFixture[str]) -> None:
    display = choose_display()
    assert isinstance(display, Lines)
    with display:
        display.tell("input Microphone")
        display.show(STATS)
    assert capsys.readouterr().out == f"input Microphone\n{status_line(STATS)}\n"


def test_the_panel_gives_the_terminal_back(capsys: pytest.CaptureFixture[str]) -> None:
    with Panel() as display:
        display.show(STATS)
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

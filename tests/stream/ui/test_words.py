"""How a session goes in words: every number that one looks for, and plain words for everybody else."""

import json
from dataclasses import replace
from math import nan

import pytest

from lipstream.stream.live.stats import DeviceState, LiveStats
from lipstream.stream.ui.keys import View
from lipstream.stream.ui.words import bar, clock_time, rows, status_line
from lipstream.stream.video.camera.status import CameraState, CameraStatus
from lipstream.tests.stream.ui.looks import LATENCY, PIPELINE, STATS


def panel_text(stats: LiveStats, view: View | None = None) -> str:
    return "\n".join(f"{name} {text}" for name, text in rows(stats, view or View(details=True)))


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
        "q quits",
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


@pytest.mark.parametrize(("share", "filled"), [(-1.0, 0), (0.0, 0), (0.5, 6), (1.0, 12), (7.0, 12)])
def test_a_bar_is_filled_by_its_share(share: float, filled: int) -> None:
    assert bar(share) == "█" * filled + "·" * (12 - filled)


def test_time_counts_hours() -> None:
    assert [clock_time(s) for s in (0, 59.9, 60, 36_000)] == ["0:00:00", "0:00:59", "0:01:00", "10:00:00"]


def test_what_is_heard_has_a_row_of_its_own() -> None:
    incoming = replace(STATS, input=DeviceState("Lipstream speakers", 48_000, alive=True), bypass=True)
    text = "\n".join(f"{name} {words}" for name, words in rows(STATS, View(), incoming))
    assert "Lipstream speakers, BYPASS: as it is (i cleans it), delay 54 ms" in text
    assert "hear" not in panel_text(STATS, View())


def test_plain_words_are_shown_unless_details_are_asked_for() -> None:
    text = panel_text(STATS, View())
    for words in (
        "Microphone",
        "Headphones",
        "on; suppression strong, without a limit",
        "the camera sees your face, lips count 72%",
        "delay 54 ms",
        "sound broke off 3 times",
        "? shows them",
    ):
        assert words in text
    for jargon in ("alpha", "RTF", "ppm", "varispeed", "xruns", "dBFS"):
        assert jargon not in text
    assert "lips" not in panel_text(replace(STATS, camera=None), View())
    assert "space" in panel_text(STATS, View(keys=True))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mute": True}, "MUTED: press space to talk"),
        ({"bypass": True}, "not cleaned"),
        ({"atten_limit_db": 12.0}, "suppression light, up to 12 dB"),
        ({"video": False}, "off (v turns them on)"),
        ({"listened": False}, "Headphones (nobody listens yet)"),
        ({"output": DeviceState("Headphones", 48_000, alive=False)}, "Headphones (gone, looking for it)"),
        ({"recorded_s": 65.0}, "recorded 0:01:05"),
        ({"camera": CameraStatus(CameraState.NO_FACE, "", 25.0, None, 0, 0, 0)}, "sees no face"),
        ({"camera": CameraStatus(CameraState.LOST, "unplugged", 0.0, None, 0, 0, 0)}, "lips unplugged"),
    ],
)
def test_what_is_not_as_usual_is_told_in_plain_words(changes: dict[str, object], words: str) -> None:
    assert words not in panel_text(STATS, View())
    assert words in panel_text(replace(STATS, **changes), View())  # type: ignore[arg-type]

"""What a stream's watch tells of lips that are early or late, and how it follows them."""

from typing import Any

import pytest

from lipstream.stream.offset.watch import EVERY_S, OffsetWatch


class Stream:
    """Stands for an enhancer whose video is so late, or whose lips tell nothing."""

    def __init__(self, late_ms: float | None) -> None:
        self.measured_av_offset_ms = late_ms
        self.av_offset_ms = 0.0


def watched(stream: Stream, looks: int, **options: Any) -> list[str]:
    watch, told = OffsetWatch(stream, **options), list[str]()  # type: ignore[arg-type]
    for k in range(1, looks + 1):
        watch.look(EVERY_S * k, told.append)
    return told


@pytest.mark.parametrize("late_ms", [None, 0.0, 79.0, -79.0])
def test_lips_that_are_near_their_sound_are_no_news(late_ms: float | None) -> None:
    stream = Stream(late_ms)
    assert watched(stream, 5) == []
    assert stream.av_offset_ms == 0.0


@pytest.mark.parametrize(("late_ms", "words"), [(250.0, "250 ms after"), (-120.0, "120 ms before")])
def test_lips_far_from_their_sound_are_told_once_with_what_to_do(late_ms: float, words: str) -> None:
    stream = Stream(late_ms)
    (line,) = watched(stream, 5)
    assert words in line
    assert f"--av-offset {late_ms:.0f} or" in line
    assert stream.av_offset_ms == 0.0


def test_what_the_caller_takes_off_already_is_told_with_it() -> None:
    (line,) = watched(Stream(100.0), 1, already_ms=60.0)
    assert "160 ms after" in line


def test_auto_takes_the_first_offset_at_once_and_follows_the_next_slowly() -> None:
    stream = Stream(250.0)
    (line,) = watched(stream, 1, auto=True)
    assert "moved by it" in line
    assert stream.av_offset_ms == 250.0
    watch = OffsetWatch(stream, auto=True)  # type: ignore[arg-type]
    stream.av_offset_ms = 0.0
    watch.look(EVERY_S, lambda line: None)
    stream.measured_av_offset_ms = 150.0
    watch.look(2 * EVERY_S, lambda line: None)
    assert stream.av_offset_ms == pytest.approx(220.0)
    stream.measured_av_offset_ms = None
    watch.look(3 * EVERY_S, lambda line: None)
    assert stream.av_offset_ms == pytest.approx(220.0), "nothing found, nothing changed"


@pytest.mark.parametrize("late_ms", [None, 30.0, -40.0])
def test_auto_leaves_alone_what_could_be_the_error_of_the_measurement(late_ms: float | None) -> None:
    stream = Stream(late_ms)
    watched(stream, 5, auto=True)
    assert stream.av_offset_ms == 0.0


def test_it_looks_every_few_seconds_only_and_once_more_in_the_end() -> None:
    watch, told = OffsetWatch(Stream(300.0)), list[str]()  # type: ignore[arg-type]
    watch.look(EVERY_S - 0.1, told.append)
    assert (watch.found_ms, told) == (None, [])
    watch.finish(told.append)
    assert watch.found_ms == 300.0
    assert len(told) == 1

"""Samples come in bit by bit and come out as if the recording had been there as a whole."""

import pytest
import torch
from torch import Tensor

from lipstream.models.parents.windows import Windows

WINDOW, FADE = 100, 20


class Hearing:
    """Adds the mean of what it hears at once, and notes how much that was."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, int]] = []

    def __call__(self, wave: Tensor) -> Tensor:
        self.heard.append((round(float(wave[0, 0]), 3), wave.shape[1]))
        return wave + wave.mean(1, keepdim=True)

    def windows(self) -> Windows:
        return Windows(self, WINDOW, FADE)


def numbered(length: int) -> Tensor:
    """Samples that tell their place, of two channels."""
    return torch.arange(1.0, length + 1).repeat(2, 1)


@pytest.mark.parametrize("length", [1, 99, 100, 101, 119, 120, 180, 181, 777])
@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_any_way_to_cut_a_recording_gives_the_same(length: int, chunk: int) -> None:
    wave = numbered(length)
    whole = Hearing().windows().finish(wave)
    windows, pieces = Hearing().windows(), []
    for part in wave.split(chunk, dim=1):
        pieces.append(windows.push(part))
        assert sum(piece.shape[1] for piece in pieces) <= length
    pieces.append(windows.finish(wave[:, :0]))
    assert whole.shape == wave.shape
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole)
    assert whole.isfinite().all()


def test_the_last_window_ends_with_the_recording_and_a_short_one_is_one_window() -> None:
    hearing = Hearing()
    hearing.windows().finish(numbered(250))
    assert hearing.heard == [(1, 100), (81, 100), (151, 100)]  # the third would start at sample 161
    hearing.heard.clear()
    hearing.windows().finish(numbered(60))
    assert hearing.heard == [(1, 60)]


def test_what_the_window_before_has_heard_is_not_heard_again() -> None:
    hearing = Hearing()
    hearing.windows().finish(numbered(100))
    assert hearing.heard == [(1, 100)]


def test_digital_silence_stays_silent_and_is_not_heard() -> None:
    hearing, wave = Hearing(), numbered(1000)
    wave[:, 130:900] = 0.0
    enhanced = hearing.windows().finish(wave)
    assert enhanced[:, 130:880].abs().max() == 0.0
    assert len(hearing.heard) <= 4
    assert hearing.heard[:2] == [(1, 100), (31, 100)]  # moved back to end with the sound


def test_samples_are_finished_once_the_declared_delay_has_come() -> None:
    windows = Hearing().windows()
    given = 0
    for count in range(1, 700):
        given += windows.push(torch.ones(1, 1)).shape[1]
        assert given >= count - windows.delay


def test_little_is_kept_of_a_long_recording() -> None:
    windows = Hearing().windows()
    for _ in range(300):
        windows.push(torch.ones(1, 50))
        assert sum(part.shape[1] for part in windows._parts) <= 2 * WINDOW


def test_a_window_after_a_reset_is_the_first_of_another_recording() -> None:
    hearing = Hearing()
    windows = hearing.windows()
    windows.push(numbered(150))
    windows.reset()
    torch.testing.assert_close(windows.finish(numbered(50)), Hearing().windows().finish(numbered(50)))

"""Pauses double up to the longest, and begin again after success."""

import pytest

from lipstream.stream.video.camera.status import Backoff


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(0.5, 3.0)
    assert [backoff.next_s() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_success_brings_the_first_pause_back() -> None:
    backoff = Backoff(0.5, 3.0)
    backoff.next_s()
    backoff.next_s()
    backoff.reset()
    assert backoff.next_s() == 0.5


@pytest.mark.parametrize(("first_s", "longest_s"), [(0.0, 1.0), (2.0, 1.0)])
def test_bad_pauses_are_refused(first_s: float, longest_s: float) -> None:
    with pytest.raises(ValueError, match="pauses must be positive"):
        Backoff(first_s, longest_s)

"""The mailbox keeps the newest lips only."""

from lipstream.stream.video.camera.status import LipsMailbox
from lipstream.stream.video.frames import LipFrame


def frame(sequence: int) -> LipFrame:
    return LipFrame(sequence, 0.04 * sequence)


def test_empty_at_first() -> None:
    assert LipsMailbox().newest_since(0) is None


def test_the_latest_frame_wins_and_is_given_until_a_newer_one_is_asked_for() -> None:
    mailbox = LipsMailbox()
    first, second = frame(1), frame(2)
    mailbox.put(first)
    assert mailbox.newest_since(0) is first
    mailbox.put(second)
    assert mailbox.newest_since(0) is second
    assert mailbox.newest_since(1) is second
    assert mailbox.newest_since(2) is None

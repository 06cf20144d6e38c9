"""The process while sound runs, and given back as it was."""

import gc
import sys
from collections.abc import Iterator

import pytest

from lipstream.stream.live.threads import responsive


@pytest.fixture(autouse=True)
def _nothing_frozen() -> Iterator[None]:
    """Tests before this one may have frozen objects in this process, as training does."""
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_old_objects_are_left_alone_and_all_is_as_before_afterwards() -> None:
    before_s = sys.getswitchinterval()
    with responsive():
        assert sys.getswitchinterval() < before_s
        assert gc.get_freeze_count() > 1000
    assert sys.getswitchinterval() == before_s
    assert gc.get_freeze_count() == 0


def test_what_a_program_had_frozen_stays_frozen() -> None:
    kept: list[object] = []
    gc.freeze()
    with responsive():
        pass
    assert not any(each is kept for each in gc.get_objects())  # which leaves out what is frozen

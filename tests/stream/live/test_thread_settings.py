"""The process while sound runs, and given back as it was."""

import gc
import sys

from lipstream.stream.live.threads import responsive


def test_old_objects_are_left_alone_and_all_is_as_before_afterwards() -> None:
    before_s, frozen = sys.getswitchinterval(), gc.get_freeze_count()
    with responsive():
        assert sys.getswitchinterval() < before_s
        assert gc.get_freeze_count() > frozen + 1000
    assert sys.getswitchinterval() == before_s
    assert gc.get_freeze_count() == frozen

"""What Python is asked for while sound runs: that no thread waits long for another."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: Python lets a busy thread go on for 5 ms, too long with so little sound kept ready.
SWITCH_S = 0.0002


@contextmanager
def responsive() -> Iterator[None]:
    """Inside the block threads take turns quickly, and garbage is collected among new objects only.

    To look through all objects of a program takes Python tens of milliseconds, in which no thread of it goes
    on. So enter it when all is loaded. Both settings belong to the whole process.
    """
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(interval_s)

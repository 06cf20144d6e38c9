"""The memory of a process that trains: what one step frees, the next takes again."""

import ctypes
import sys

#: Parameters of glibc's ``mallopt``, from its ``malloc.h``.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


def keep_freed_memory() -> None:
    """Have the allocator of this process keep freed memory for itself, where it is glibc's.

    Unasked it hands that of large tensors back, and the system clears each page anew that the next step
    touches: thousands of page faults a step.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_MMAP_MAX, 0)

"""Main memory of this process, as Linux and macOS tell it."""

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident_mib() -> float | None:
    """What this process holds now, in MiB; None where the system is not Linux."""
    return _of_status("VmRSS:")


def peak_memory_mib() -> float | None:
    """The most this process has ever held, in MiB; None where it cannot be told."""
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    # Not getrusage: on Linux it begins with the peak of the process that started this one.
    return _of_status("VmHWM:")


def _of_status(field: str) -> float | None:
    if not _STATUS.is_file():
        return None
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 2**10
    return None

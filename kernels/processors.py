"""Levels of processors that compiled code is shipped for, and which of them this one runs.

Only the standard library, for setup.py reads it before anything is installed.
"""

import itertools
import platform
import sys
from pathlib import Path

#: What a level asks of a processor beyond the one before it, as Linux names it, by the compiler's name of the
#: level (``-march``). Those of x86 are the levels of the System V ABI for AMD64.
_X86 = {
    "x86-64-v2": {"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"},
    "x86-64-v3": {"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"},
    "x86-64-v4": {"avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"},
}
#: Every 64-bit ARM processor has vectors, of the same width.
_ARM: dict[str, set[str]] = {"armv8-a": set()}
_LEVELS = {"x86_64": _X86, "amd64": _X86, "aarch64": _ARM, "arm64": _ARM}


def levels(machine: str = "") -> tuple[str, ...]:
    """All levels of an architecture, the fastest first; none where nothing is shipped for it.

    Args:
        machine: as `platform.machine` names it; by default this computer's.
    """
    return tuple(reversed(_LEVELS.get((machine or platform.machine()).lower(), {})))


def runnable(machine: str, flags: frozenset[str] | None) -> tuple[str, ...]:
    """The levels that a processor runs, the fastest first.

    Args:
        machine: as `platform.machine` names it.
        flags: what it can do, as Linux names it; None where that is not known: the lowest level then, which
            all have that are in use.
    """
    if flags is None:
        return levels(machine)[-1:]
    known = _LEVELS.get(machine.lower(), {})
    found = itertools.takewhile(lambda level: known[level] <= flags, known)
    return tuple(reversed(list(found)))


def runnable_here() -> tuple[str, ...]:
    """`runnable` for this computer."""
    line = flags_line()
    return runnable(platform.machine(), frozenset(line.split()) if line or sys.platform == "linux" else None)


def flags_line() -> str:
    """What this processor can do, as Linux lists it; empty elsewhere, and on ARM."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return ""
    return next((line for line in info.read_text().splitlines() if line.startswith("flags")), "")

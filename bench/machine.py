"""What a measurement ran on, and what memory this process takes: timings mean nothing without it.

Holds no name of a host or of a person.
"""

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

#: What is measured once may differ by so much in the next run: the start of a process, its memory.
ONCE_NOISE_PERCENT = 20.0

#: Packages whose version may change a measurement.
PACKAGES = ("lipstream", "numpy", "onnxruntime", "torch")


@dataclass(frozen=True)
class Machine:
    """Fingerprint of a machine at the time of a measurement.

    Attributes:
        cpu: model of the processor.
        cores: logical cores that this process may use.
        memory_gib: main memory, or None where it cannot be told.
        governor: frequency governor of the first core, or None where it cannot be told (virtual machines).
        load: other work, as the mean number of running processes over the last minute; None on Windows.
        os: operating system and its release.
        python: version of the interpreter.
        packages: versions of those of `PACKAGES` that are installed.
        date: when, UTC, ISO 8601.
    """

    cpu: str
    cores: int
    memory_gib: float | None
    governor: str | None
    load: float | None
    os: str
    python: str
    packages: dict[str, str]
    date: str

    def describe(self) -> str:
        """The fingerprint in two lines."""
        memory = f", {self.memory_gib:.1f} GiB" if self.memory_gib is not None else ""
        load = f", load {self.load:.1f}" if self.load is not None else ""
        packages = ", ".join(f"{name} {number}" for name, number in self.packages.items())
        hardware = f"{self.cpu}, {self.cores} cores{memory}{load}"
        return f"{hardware}, {self.os}\nPython {self.python}, {packages}, {self.date}"


def fingerprint() -> Machine:
    """Look at the machine this process runs on."""
    return Machine(
        cpu=_cpu_model(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gib=_memory_gib(),
        governor=_first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        os=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        packages=dict(_versions()),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    if sys.platform == "win32" or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)


def _first_line(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()[0].strip()
    except (OSError, IndexError):
        return None


def _versions() -> Iterator[tuple[str, str]]:
    for name in PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


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

"""Two runs of the suite, measurement by measurement: what got worse, beyond a threshold and beyond noise."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..output import format_table
from ..speed.measurements import Measurement

#: What must be equal for times to mean the same, as `Machine` names it.
HARDWARE = ("cpu", "cores", "governor")
#: Other work, in processes a core, from which times are doubtful.
BUSY = 0.5


@dataclass(frozen=True)
class SuiteRun:
    """A run of the suite, read back."""

    machine: Mapping[str, Any]
    measurements: Mapping[str, Measurement]


@dataclass(frozen=True)
class Change:
    """A measurement in both runs.

    Attributes:
        name, unit: of the measurement.
        a, b: its values.
        worse_percent: by how much b is worse than a; below 0 where it is better.
        allowed_percent: what it takes to be a regression: the threshold, or the noise of both where that is
            more.
    """

    name: str
    unit: str
    a: float
    b: float
    worse_percent: float
    allowed_percent: float

    @classmethod
    def of(cls, a: Measurement, b: Measurement, threshold_percent: float) -> "Change":
        """The change from one measurement to another of the same name."""
        before, after = (b.value, a.value) if a.higher_is_better else (a.value, b.value)
        ratio = after / before if before else (inf if after else 1.0)
        allowed = max(threshold_percent, a.noise_percent + b.noise_percent)
        return cls(a.name, a.unit, a.value, b.value, 100 * (ratio - 1), allowed)

    @property
    def verdict(self) -> str:
        """``worse``, ``better`` or nothing."""
        if self.worse_percent > self.allowed_percent:
            return "worse"
        return "better" if self.worse_percent < 100 / (1 + self.allowed_percent / 100) - 100 else ""


@dataclass(frozen=True)
class SuiteComparison:
    """What changed from run A to run B.

    Attributes:
        threshold_percent: up to which a change is none.
        warnings: why the times may not mean the same.
        changes: of the measurements that both have; the worst first.
        only_a, only_b: names of the measurements that one of them lacks.
    """

    threshold_percent: float
    warnings: Sequence[str]
    changes: Sequence[Change]
    only_a: Sequence[str]
    only_b: Sequence[str]

    @property
    def regressions(self) -> list[Change]:
        """What got worse."""
        return [change for change in self.changes if change.verdict == "worse"]

    def text(self) -> str:
        """A table and the verdict."""
        rows = [
            [
                change.name,
                f"{change.a:.4g}",
                f"{change.b:.4g}",
                change.unit,
                f"{change.b / change.a:.3f}" if change.a else "-",
                f"{change.allowed_percent:.0f} %",
                change.verdict,
            ]
            for change in self.changes
        ]
        table = format_table(["measurement", "A", "B", "", "B / A", "allowed", ""], rows)
        missing = [
            f"only in {name}: {', '.join(names)}"
            for name, names in (("A", self.only_a), ("B", self.only_b))
            if names
        ]
        count = len(self.regressions)
        verdict = f"{count} of {len(self.changes)} measurements got worse" if count else "no regression"
        better = sum(change.verdict == "better" for change in self.changes)
        return "\n".join([table, "", *missing, f"{verdict}, {better} got better"])


def load_suite(path: Path) -> SuiteRun:
    """Read a ``suite.json``.

    Raises:
        InputError: the file cannot be read, or is none of the suite.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        # Until version 0.1 they were called readings.
        rows = content["measurements"] if "measurements" in content else content["readings"]
        found = [Measurement(**{**row, "value": float(row["value"])}) for row in rows]
        return SuiteRun(dict(content["machine"]), {entry.name: entry for entry in found})
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"'{path}' is no report of the suite: give a suite.json that lipstream bench suite wrote"
        ) from error


def compare_suites(a: SuiteRun, b: SuiteRun, threshold_percent: float) -> SuiteComparison:
    """Compare run B with run A, which is the one to keep up with.

    Raises:
        InputError: they have no measurement in common.
    """
    common = [name for name in a.measurements if name in b.measurements]
    if not common:
        raise InputError("the two reports have no measurement in common: run the same suite for both")
    changes = [Change.of(a.measurements[name], b.measurements[name], threshold_percent) for name in common]
    order = {"worse": 0, "better": 1, "": 2}
    return SuiteComparison(
        threshold_percent=threshold_percent,
        warnings=_warnings(a.machine, b.machine),
        changes=sorted(changes, key=lambda change: order[change.verdict]),
        only_a=[name for name in a.measurements if name not in b.measurements],
        only_b=[name for name in b.measurements if name not in a.measurements],
    )


def _warnings(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    found = [
        f"the machines differ: {name} is {a.get(name)} in A and {b.get(name)} in B"
        for name in HARDWARE
        if a.get(name) != b.get(name)
    ]
    for name, machine in (("A", a), ("B", b)):
        load, cores = machine.get("load"), machine.get("cores") or 1
        if load is not None and load > BUSY * cores:
            found.append(f"run {name} began on a busy machine: load {load} on {cores} cores")
    return found

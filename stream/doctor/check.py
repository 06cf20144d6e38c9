"""What the doctor finds: a verdict for each thing it looks at and, unless all is well, what to do."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

#: A problem keeps ``lipstream live`` from working, a warning tells what it has to do without.
Verdict = Literal["ok", "warn", "problem"]


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        name: what was looked at.
        verdict: how good it is.
        finding: what was found, in one line.
        fix: what to do; "" where nothing is needed.
    """

    name: str
    verdict: Verdict
    finding: str
    fix: str = ""


def ok(name: str, finding: str) -> Check:
    """All is well."""
    return Check(name, "ok", finding)


def warn(name: str, finding: str, fix: str) -> Check:
    """It works, but something is missing."""
    return Check(name, "warn", finding, fix)


def problem(name: str, finding: str, fix: str) -> Check:
    """It does not work."""
    return Check(name, "problem", finding, fix)


def of_error(name: str, error: Exception, verdict: Verdict = "problem") -> Check:
    """What an InputError says: its line has the finding, a colon and the fix."""
    finding, _, fix = str(error).partition(": ")
    return Check(name, verdict, finding, fix)


def fingerprint(path: Path) -> str:
    """The first half of a file's SHA-256, enough to tell files apart."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]

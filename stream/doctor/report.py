"""``lipstream doctor``: looks at everything that live use needs, and says what to do about what is wrong."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .audio import check_audio
from .check import Check, Verdict
from .models import check_models
from .video import check_video

_CLOSING: dict[Verdict, str] = {
    "ok": "verdict: all is well",
    "warn": "verdict: it works, but see the warnings",
    "problem": "verdict: it does not work as it is, see the problems",
}


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes:
        checks: in the order of the report.
    """

    checks: Sequence[Check]

    @property
    def verdict(self) -> Verdict:
        """The worst of all."""
        verdicts: list[Verdict] = ["problem", "warn"]
        return next((bad for bad in verdicts if any(check.verdict == bad for check in self.checks)), "ok")

    def text(self) -> str:
        """A line for each check, a second one where something is to be done, and the verdict."""
        width = max(len(check.name) for check in self.checks)
        lines = []
        for check in self.checks:
            lines.append(f"{check.verdict:8} {check.name:{width}}  {check.finding}")
            if check.fix:
                lines.append(f"{'':8} {'':{width}}  -> {check.fix}")
        return "\n".join([*lines, _CLOSING[self.verdict]])

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"verdict": self.verdict, "checks": [asdict(check) for check in self.checks]}


def diagnose(camera: str | None = None, face_model: Path | None = None) -> Diagnosis:
    """Look at everything; takes a few seconds.

    Args:
        camera: index, URL or video file whose rate is to be measured; None: none is opened.
        face_model: MediaPipe's face_landmarker.task, if it is at a place of its own.
    """
    return Diagnosis([*check_audio(), *check_video(camera, face_model), *check_models()])

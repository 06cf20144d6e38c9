"""How the files of a corpus are cleaned. Light at import."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from ...core.options import option
from ..controls import NO_LIMIT_DB
from ..defaults import AUTO, DEFAULT_MODEL, FACE_MODEL, MODEL, RUNTIME, STRENGTH
from .trees import Tree


class Judge(Protocol):
    """Rates files that were made; sent to workers by pickle."""

    @property
    def names(self) -> Sequence[str]:
        """Of the scores."""

    def __call__(self, path: Path) -> Mapping[str, float]:
        """The scores of a file."""


@dataclass(frozen=True)
class Settings:
    """How the files of a corpus are cleaned, the same for all.

    Attributes:
        source, target: the trees.
        model: as for `Enhancer`.
        runtime: name of a runtime, not "auto": all workers run the same.
        atten_limit_db: as for `Enhancer`.
        video: path or URL of the video of a recording, where {dir} stands for its folder and {stem} for its
            name without extension; empty: audio only.
        face_model: as for `enhance_file`.
        judge: rates each output.
    """

    source: Tree
    target: Tree
    model: str = field(default=DEFAULT_MODEL, metadata=MODEL)
    runtime: str = field(default=AUTO, metadata=RUNTIME)
    atten_limit_db: float = field(default=NO_LIMIT_DB, metadata=STRENGTH)
    video: str = field(
        default="",
        metadata=option(
            "video of the speaker of each file, for lips: {dir} stands for its folder, {stem} for its name "
            "without the extension, as '{dir}/{stem}.mp4' (default: audio only)",
            "PATTERN",
        ),
    )
    face_model: Path | None = field(default=None, metadata=FACE_MODEL)
    judge: Judge | None = None

    def video_of(self, name: str) -> str | None:
        """Where the lips that belong to a recording are."""
        if not self.video:
            return None
        folder, _, file = self.source.path(name).rpartition("/")
        return self.video.replace("{dir}", folder).replace("{stem}", PurePosixPath(file).stem)

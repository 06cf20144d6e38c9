"""What a worker does: one recording after the other, by a model that it holds; each becomes a row."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.processes import Terminated
from ...errors import InputError
from ..controls import NO_LIMIT_DB
from ..files import FileReport, LoadedModel, enhance_file
from .settings import Settings
from .trees import fetched


@dataclass(frozen=True)
class Job:
    """One recording to clean.

    Attributes:
        name: of the file in both trees.
        size: in bytes.
        version: of the file, see `Found`.
    """

    name: str
    size: int
    version: str


@dataclass(frozen=True)
class Row:
    """What became of a recording: a row of the manifest.

    Attributes:
        file: its name in both trees.
        duration_s, sample_rate, channels: of the recording, and of what was made of it.
        rtf: seconds of work for each second of it, on one core.
        input_dbfs, output_dbfs: RMS levels before and after, in dB of full scale; None: silence.
        face_share: share of the video's frames with a usable face; None: audio only.
        scores: of the judge.
        warnings: what is to be known, joined by "; ".
        error: why nothing was made, in one line; empty: it was.
        model, runtime, atten_limit_db, video: by what it was made.
        source_version: of the recording, see `Found`.
    """

    file: str
    duration_s: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    rtf: float | None = None
    input_dbfs: float | None = None
    output_dbfs: float | None = None
    face_share: float | None = None
    scores: Mapping[str, float] | None = None
    warnings: str = ""
    error: str = ""
    model: str = ""
    runtime: str = ""
    atten_limit_db: float = NO_LIMIT_DB
    video: str = ""
    source_version: str = ""


def row_of(job: Job, settings: Settings, **found: Any) -> Row:
    """A row with what is known beforehand, and what was found."""
    return Row(
        file=job.name,
        model=settings.model,
        runtime=settings.runtime,
        atten_limit_db=settings.atten_limit_db,
        video=settings.video,
        source_version=job.version,
        **found,
    )


class Cleaner:
    """Cleans recordings one by one.

    Raises:
        InputError: the model cannot be loaded here.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loaded = LoadedModel(settings.model, settings.runtime)

    def __call__(self, job: Job) -> Row:
        """Clean one; what is wrong with it is told in its row."""
        try:
            with tempfile.TemporaryDirectory(prefix="lipstream-corpus-") as folder:
                report, scores = self._clean(job, Path(folder))
        except Terminated:
            raise
        except Exception as error:  # of 100,000 files one may break a codec in a way nobody has seen
            told = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            return row_of(job, self._settings, error=" ".join(told.split()))
        return row_of(
            job,
            self._settings,
            duration_s=round(report.duration_s, 4),
            sample_rate=report.sample_rate,
            channels=report.channels,
            rtf=round(report.rtf, 5),
            input_dbfs=report.input_dbfs,
            output_dbfs=report.output_dbfs,
            face_share=round(report.face_share, 3) if self._settings.video else None,
            scores=scores,
            warnings="; ".join(report.warnings),
        )

    def _clean(self, job: Job, folder: Path) -> tuple[FileReport, Mapping[str, float] | None]:
        settings = self._settings
        video = settings.video_of(job.name)
        near = {name: folder / name for name in ("in", "video", "out")}
        for place in near.values():
            place.mkdir()
        source = settings.source.fetch(job.name, near["in"])
        lips = video if video is None or "://" not in video else fetched(video, near["video"])
        with settings.target.written(job.name, near["out"]) as output:
            report = enhance_file(
                source,
                output,
                video=lips,
                face_model=settings.face_model,
                atten_limit_db=settings.atten_limit_db,
                loaded=self._loaded,
            )
            return report, None if settings.judge is None else settings.judge(output)

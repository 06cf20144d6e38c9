"""How files are enhanced, as options of ``lipstream enhance``. Light at import."""

from dataclasses import dataclass, field
from pathlib import Path

from ..core.options import check_ranges, option, within
from .controls import NO_LIMIT_DB
from .defaults import (
    AUTO,
    DEFAULT_MODEL,
    FACE_MODEL,
    MODEL,
    RUNTIME,
    STRENGTH,
    AvOffset,
    av_offset,
)


@dataclass(frozen=True)
class FileOptions:
    """Arguments of `enhance_file`, which says what they do.

    Raises:
        InputError: a length of chunks that cannot be.
    """

    face_model: Path | None = field(default=None, metadata=FACE_MODEL)
    av_offset_ms: AvOffset = field(
        default=0.0, metadata=av_offset("{default}, and a line where they are far off")
    )
    model: str = field(default=DEFAULT_MODEL, metadata=MODEL)
    runtime: str = field(default=AUTO, metadata=RUNTIME)
    atten_limit_db: float = field(default=NO_LIMIT_DB, metadata=STRENGTH)
    chunk_ms: float = field(
        default=500.0, metadata=option("length of the chunks", "MS") | within(1, 60_000, unit="ms")
    )

    def __post_init__(self) -> None:
        check_ranges(self)

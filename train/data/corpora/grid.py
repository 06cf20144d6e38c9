"""GRID: 34 talkers who read six-word sentences into a camera (Cooke et al., JASA 120, 2006)."""

import re
from collections.abc import Iterator
from pathlib import Path

from ..manifest import Item
from .scan import AUDIO, VIDEO, Adapter, files_below, with_speech

LICENCE = "CC BY 4.0"
_SPEAKER = re.compile(r"s([1-9]|[12]\d|3[0-4])")


def _split(number: int) -> str:
    """Talkers 1-28 train, 29-31 validate, 32-34 test."""
    if number <= 28:
        return "train"
    return "valid" if number <= 31 else "test"


def _find(folder: Path) -> Iterator[Item]:
    """The films are faces, the separate sound files speech; of a sentence that comes twice, the first."""
    seen = set()
    for file in files_below(folder, AUDIO | VIDEO):
        speakers = [match for part in file.parts[:-1] if (match := _SPEAKER.fullmatch(part))]
        if not speakers:
            continue
        kind = "face" if file.suffix.lower() in VIDEO else "speech"
        speaker = speakers[-1]
        if (sentence := (kind, speaker[0], file.stem)) in seen:
            continue
        seen.add(sentence)
        yield Item(
            kind, file.as_posix(), "grid", f"grid/{speaker[0]}", _split(int(speaker[1])), licence=LICENCE
        )


ADAPTER = Adapter(
    "grid",
    "GRID, talking faces and their speech",
    "folders s1 ... s34, at any depth, with the talkers' films (.mpg, .mp4, .avi) or sound (.wav)",
    lambda folder: with_speech(_find(folder)),
)

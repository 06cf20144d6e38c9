"""VoxCeleb2: interviews of about 6,000 celebrities (Chung et al., Interspeech 2018)."""

import re
from collections.abc import Iterator
from pathlib import Path

from ..manifest import Item
from .scan import AUDIO, VIDEO, Adapter, files_below, held_out, with_speech

LICENCE = "CC BY 4.0, videos of their owners"
#: Share of the speakers of its training part ("dev") that is kept for validation.
HELD_OUT_SPEAKERS = 0.025
_PART = re.compile(r"(?:vox2_)?(dev|test)(?:_\w+)?")
_SPEAKER = re.compile(r"id\d{5}")


def _find(folder: Path) -> Iterator[Item]:
    """Films (mp4) are faces, the separate sound files (aac, m4a, wav) speech."""
    found = []
    for file in files_below(folder, AUDIO | VIDEO):
        parts = [match[1] for part in file.parts if (match := _PART.fullmatch(part))]
        speakers = [part for part in file.parts if _SPEAKER.fullmatch(part)]
        if parts and speakers:
            found.append((file, parts[0], speakers[-1]))
    kept = held_out((speaker for _, part, speaker in found if part == "dev"), HELD_OUT_SPEAKERS)
    for file, part, speaker in found:
        kind = "face" if file.suffix.lower() in VIDEO else "speech"
        split = "test" if part == "test" else "valid" if speaker in kept else "train"
        yield Item(kind, file.as_posix(), "voxceleb2", f"voxceleb2/{speaker}", split, licence=LICENCE)


ADAPTER = Adapter(
    "voxceleb2",
    "VoxCeleb2, talking faces and their speech from interviews",
    "dev/mp4/id00012/VIDEO/00001.mp4 and the like: folders dev and test, in them mp4 (films) or aac",
    lambda folder: with_speech(_find(folder)),
)

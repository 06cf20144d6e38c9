"""Noise pools: DEMAND, the DNS Challenge and MUSAN. One recording in twenty is held out."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..manifest import Item
from .scan import AUDIO, HELD_OUT_NOISE, Adapter, files_below, held_out


def pool(
    files: Iterable[Path],
    source: str,
    licence: str,
    recording: Callable[[Path], str] = Path.as_posix,
    kind: str = "noise",
    share: float = HELD_OUT_NOISE,
) -> Iterator[Item]:
    """Noise or rooms, of which a share is held out.

    Args:
        files: relative to the root of the corpus.
        source: the name of the collection.
        licence: of all of them.
        recording: what a file is a part of; the parts of a recording stay on one side.
        kind: "noise" or "rir".
        share: of the recordings that is kept for validation.
    """
    chosen = list(files)
    kept = held_out(map(recording, chosen), share)
    for file in chosen:
        split = "valid" if recording(file) in kept else "train"
        yield Item(kind, file.as_posix(), source, split=split, licence=licence)


def _find_demand(folder: Path) -> Iterator[Item]:
    """The first of 16 microphones, which hear the same; the 16 kHz version where both are there."""
    scenes: dict[str, Path] = {}
    for file in files_below(folder, frozenset({".wav"})):
        if file.name == "ch01.wav":
            scenes.setdefault(_scene(folder / file), file)
    yield from pool(scenes.values(), "demand", "CC BY-SA 3.0", lambda file: _scene(folder / file))


def _scene(file: Path) -> str:
    """``DKITCHEN`` of ``DKITCHEN_16k/DKITCHEN/ch01.wav`` and of ``DKITCHEN_16k/ch01.wav``."""
    return re.sub(r"_(16|48)k$", "", file.parent.name)


def _find_dns(folder: Path) -> Iterator[Item]:
    """Noise and rooms. Files that differ in a last number alone are cut from one recording."""
    files = list(files_below(folder, AUDIO))
    noise = [file for file in files if any(part.startswith("noise") for part in file.parts[:-1])]
    rooms = [file for file in files if "impulse_responses" in file.parts]

    def recording(file: Path) -> str:
        return re.sub(r"[-_]\d+$", "", file.stem)

    yield from pool(noise, "dns", "CC0, CC BY 3.0 and CC BY 4.0", recording)
    yield from pool(rooms, "dns-rooms", "Apache-2.0", kind="rir")


def _find_musan(folder: Path) -> Iterator[Item]:
    """Noise and music; its speech is left alone, for it would come without the names of its speakers."""
    root = Path("musan") if (folder / "musan").is_dir() else Path()
    for part in ("noise", "music"):
        files = [root / part / file for file in files_below(folder / root / part, AUDIO)]
        yield from pool(files, f"musan-{part}", "CC BY 4.0")


DEMAND = Adapter(
    "demand",
    "DEMAND, noise of 18 places",
    "a folder for each place, such as DKITCHEN, with ch01.wav (the other 15 microphones are not used)",
    _find_demand,
)
DNS = Adapter(
    "dns",
    "DNS Challenge, noise and rooms",
    "datasets_fullband or datasets with a folder whose name begins with noise, and impulse_responses",
    _find_dns,
)
MUSAN = Adapter(
    "musan", "MUSAN, noise and music", "the folders noise and music (in musan or not)", _find_musan
)

"""LRS2: sentences from British television (Afouras et al., TPAMI 2018), split by its own lists."""

from collections.abc import Iterator
from pathlib import Path

from ....errors import InputError
from ..manifest import Item
from .scan import Adapter, with_speech

LICENCE = "BBC, research only"

#: Each list, the folder of its clips, and our split.
_LISTS = (
    ("pretrain", "pretrain", "train"),
    ("train", "main", "train"),
    ("val", "main", "valid"),
    ("test", "main", "test"),
)


def _find(folder: Path) -> Iterator[Item]:
    """The clips of the lists. LRS2 names no speakers: the programme a clip is cut from stands for them."""
    films = Path("mvlrs_v1") if (folder / "mvlrs_v1").is_dir() else Path()
    for name, place, split in _LISTS:
        if not (folder / films / place).is_dir():
            continue
        for line in _read_list(folder, films, name).splitlines():
            if not line.strip():
                continue
            clip = line.split()[0]  # the list of the test set adds how noisy a clip is
            file = (films / place / f"{clip}.mp4").as_posix()
            yield Item("face", file, "lrs2", f"lrs2/{clip.split('/')[0]}", split, licence=LICENCE)


def _read_list(folder: Path, films: Path, name: str) -> str:
    for path in (folder / f"{name}.txt", folder / films / f"{name}.txt"):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise InputError(f"the list {name}.txt of LRS2 is missing: it belongs into {folder}")


ADAPTER = Adapter(
    "lrs2",
    "LRS2, talking faces from television",
    "the folders main and pretrain (or one of them; in mvlrs_v1 or not) of PROGRAMME/00001.mp4, with the "
    "lists train.txt, val.txt, test.txt and pretrain.txt beside them",
    lambda folder: with_speech(_find(folder)),
)

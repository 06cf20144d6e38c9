"""LRS2: the clips of its own lists."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lipstream.errors import InputError
from lipstream.train.data.corpora.lrs2 import ADAPTER
from lipstream.train.data.corpora.scan import Adapter, Measured

Write = Callable[..., None]
Listed = Callable[[Adapter], Measured]

LISTS = {
    "pretrain": "5672/00001\n",
    "train": "5535/00001\n5535/00002\n",
    "val": "6330/00001\n\n",
    "test": "6999/00001 NF MV\n",
}


@pytest.mark.parametrize("root", ["", "mvlrs_v1/"])
@pytest.mark.parametrize("beside", ["", "mvlrs_v1/"])
def test_its_own_lists_split_it(root: str, beside: str, films: Write, listed: Listed, tmp_path: Path) -> None:
    films(*(f"{root}main/{clip}.mp4" for clip in ("5535/00001", "5535/00002", "6330/00001", "6999/00001")))
    films(f"{root}pretrain/5672/00001.mp4")
    for name, text in LISTS.items():
        (tmp_path / (beside if root else "") / f"{name}.txt").write_text(text)
    items = [item for item in listed(ADAPTER).manifest.items if item.kind == "face"]
    assert [(item.file, item.split, item.speaker) for item in items] == [
        (f"{root}pretrain/5672/00001.mp4", "train", "lrs2/5672"),
        (f"{root}main/5535/00001.mp4", "train", "lrs2/5535"),
        (f"{root}main/5535/00002.mp4", "train", "lrs2/5535"),
        (f"{root}main/6330/00001.mp4", "valid", "lrs2/6330"),
        (f"{root}main/6999/00001.mp4", "test", "lrs2/6999"),
    ]


def test_main_may_be_there_alone_and_clips_that_are_missing_are_left_out(
    films: Write, listed: Listed, tmp_path: Path
) -> None:
    films("main/5535/00001.mp4")
    for name, text in LISTS.items():
        (tmp_path / f"{name}.txt").write_text(text)
    found = listed(ADAPTER)
    assert [(item.kind, item.file) for item in found.manifest.items] == [
        ("face", "main/5535/00001.mp4"),
        ("speech", "main/5535/00001.mp4"),
    ]
    assert len(found.left_out) == 3
    assert all("does not exist" in reason for reason in found.left_out)


def test_a_missing_list_is_told(films: Write, tmp_path: Path) -> None:
    films("main/5535/00001.mp4")
    with pytest.raises(InputError, match=r"the list train.txt of LRS2 is missing: it belongs into"):
        ADAPTER.read(tmp_path)


def test_a_wrong_folder_is_told_the_layout(films: Write, tmp_path: Path) -> None:
    films("5535/00001.mp4")
    with pytest.raises(InputError, match=r"expected the folders main and pretrain"):
        ADAPTER.read(tmp_path)

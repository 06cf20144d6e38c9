"""Folders of one's own recordings: speakers by sub-folder, and somebody is always held out."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from lipstream.errors import InputError
from lipstream.train.data.own import own_noise, own_speech


def touched(folder: Path, names: Sequence[str]) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_sub_folders_are_speakers_and_one_in_ten_is_held_out(tmp_path: Path) -> None:
    names = [
        f"voice{number:02}/deep/{take}.{end}"
        for number in range(20)
        for take, end in ((0, "wav"), (1, "mp3"))
    ]
    items = own_speech(touched(tmp_path, [*names, "notes.txt"])).items
    assert len(items) == 40
    kept = {item.speaker for item in items if item.split == "valid"}
    assert len(kept) == 2
    assert not kept & {item.speaker for item in items if item.split == "train"}


@pytest.mark.parametrize("names", [("a.wav", "b.wav", "c.wav"), ("me/a.wav", "me/b.wav", "me/c.wav")])
def test_of_few_files_one_is_held_out(tmp_path: Path, names: Sequence[str]) -> None:
    for read in (own_speech, own_noise):
        assert sorted(item.split for item in read(touched(tmp_path, names)).items) == [
            "train",
            "train",
            "valid",
        ]


def test_folders_without_sound_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--noise .*: there is no such folder"):
        own_noise(tmp_path / "none")
    with pytest.raises(InputError, match=r"--speech .*: no audio files in it \(.aac"):
        own_speech(tmp_path)

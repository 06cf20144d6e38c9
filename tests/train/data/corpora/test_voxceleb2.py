"""VoxCeleb2: films and sound by speaker; of the training part, some speakers are held out."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from lipstream.errors import InputError
from lipstream.train.data.corpora.scan import Adapter, Measured
from lipstream.train.data.corpora.voxceleb2 import ADAPTER

Write = Callable[..., None]
Listed = Callable[[Adapter], Measured]


def test_films_are_faces_and_sound_files_are_speech(films: Write, listed: Listed) -> None:
    films("dev/mp4/id00012/21Uxsk56VDQ/00001.mp4", rate=16000)
    films("dev/aac/id00012/21Uxsk56VDQ/00001.m4a", rate=16000)
    films("test/mp4/id00017/01dfn2spqyE/00001.mp4")
    speech, face, test = listed(ADAPTER).manifest.items
    assert (face.kind, face.split, face.speaker) == ("face", "train", "voxceleb2/id00012")
    assert (speech.kind, speech.split, speech.speaker) == ("speech", "train", "voxceleb2/id00012")
    assert (test.kind, test.split, test.speaker) == ("face", "test", "voxceleb2/id00017")
    assert speech.sample_rate == 16000
    assert face.end_s == pytest.approx(0.2, abs=0.1)


def test_two_or_three_in_a_hundred_speakers_are_held_out_with_all_that_is_theirs(
    tmp_path: Path,
) -> None:
    for number in range(200):
        for name in ("aac/id{:05}/a/00001.m4a", "mp4/id{:05}/a/00001.mp4", "mp4/id{:05}/b/00001.mp4"):
            path = tmp_path / "dev" / name.format(number)
            path.parent.mkdir(parents=True)
            path.touch()
    items = ADAPTER.read(tmp_path).items
    sides: dict[str, set[str]] = {}
    for item in items:
        sides.setdefault(item.speaker, set()).add(item.split)
    assert all(len(splits) == 1 for splits in sides.values())
    assert Counter(splits.pop() for splits in sides.values()) == {"train": 195, "valid": 5}
    assert [item.split for item in items] == [item.split for item in ADAPTER.read(tmp_path).items]


@pytest.mark.parametrize("part", ["vox2_dev_mp4/dev", "vox2_dev"])
def test_the_archives_may_be_unpacked_into_folders_of_their_names(
    part: str, films: Write, listed: Listed
) -> None:
    films(f"{part}/mp4/id00012/a/00001.mp4")
    assert {item.split for item in listed(ADAPTER).manifest.items} == {"train"}


def test_a_film_without_sound_is_left_out(films: Write, listed: Listed) -> None:
    films("dev/mp4/id00012/a/00001.mp4")
    films("dev/mp4/id00012/a/00002.mp4", silent=True)
    found = listed(ADAPTER)
    assert {item.file for item in found.manifest.items} == {"dev/mp4/id00012/a/00001.mp4"}
    assert len(found.left_out) == 1
    assert "00002.mp4 has no sound" in found.left_out[0]


def test_a_wrong_folder_is_told_the_layout(films: Write, tmp_path: Path) -> None:
    films("mp4/id00012/a/00001.mp4")  # nobody knows of which part
    with pytest.raises(InputError, match=r"expected dev/mp4/id00012/VIDEO/00001.mp4"):
        ADAPTER.read(tmp_path)
